import { Agent, request } from 'undici'

/** Limits and settings of one request of a check. */
export interface GetOptions {
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly connect?: Agent.Options['connect']
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends a GET on a connection of its own, which it closes. @throws errors of undici */
export async function httpGet(
  url: string,
  { timeoutMs, maxBytes, connect = {}, headers = {} }: GetOptions,
): Promise<{ readonly status: number; readonly text: string }> {
  const dispatcher = new Agent({ connect, maxResponseSize: maxBytes })
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const { statusCode, body } = await request(url, { dispatcher, signal, headers })
    return { status: statusCode, text: await body.text() }
  } finally {
    await dispatcher.destroy()
  }
}
