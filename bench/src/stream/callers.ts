import type { SecureChatCompletion } from '@nomyo/client'
import type { StreamModel } from './model-server.js'

/** A client of streamed completions. */
export interface StreamCaller {
  /** Requests a stream of this many events, reads it to its end, and times it. */
  readonly stream: (events: number, model?: StreamModel) => Promise<StreamTimes>
  readonly close: () => void
}

/** Milliseconds from the call on, and processor time of this process. */
export type StreamTimes = Readonly<Record<'firstMs' | 'totalMs' | 'cpuMs', number>>

type Fetch = (path: string, init: RequestInit & { body: string }) => Promise<Response>

const PATH = '/v1/chat/completions'

/** Loads `@nomyo/client`. Returns a function that creates a client of wire 2. */
export async function loadSealedStreams() {
  const { SecureChatCompletion: Client } = await import('@nomyo/client')
  return (baseUrl: string): StreamCaller => {
    const logger = { warn: () => undefined }
    const client: SecureChatCompletion = new Client({ baseUrl, wire: 2, allowHttp: true, logger })
    return streamCaller(
      (path, init) => client.fetch(path, init),
      () => client.dispose(),
    )
  }
}

/** The `fetch` of the platform. */
export const plainStreams = (baseUrl: string): StreamCaller =>
  streamCaller(
    (path, init) => fetch(baseUrl + path, init),
    () => undefined,
  )

function streamCaller(ask: Fetch, close: () => void): StreamCaller {
  return {
    stream: async (events, model = 'steady') => {
      const cpu = process.cpuUsage()
      const startedAt = performance.now()
      const response = await ask(PATH, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model,
          messages: [{ role: 'user', content: 'Count.' }],
          stream: true,
          max_tokens: events,
        }),
      })
      const { firstAt, seen } = await readWords(response)
      const totalMs = performance.now() - startedAt
      const { user, system } = process.cpuUsage(cpu)
      if (seen !== events) throw new Error(`${seen} of ${events} events arrived`)
      return { firstMs: firstAt - startedAt, totalMs, cpuMs: (user + system) / 1000 }
    },
    close,
  }
}

/** Reads a stream as a chat interface does. */
async function readWords(response: Response): Promise<{ firstAt: number; seen: number }> {
  let firstAt = Number.NaN
  let seen = 0
  let rest = ''
  const decoder = new TextDecoder()
  for await (const part of response.body as AsyncIterable<Uint8Array>) {
    const events = (rest + decoder.decode(part, { stream: true })).split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) {
      if (!event.startsWith('data: {')) continue
      const { choices } = JSON.parse(event.slice(6)) as Chunk
      if (choices[0]?.delta.content === undefined) continue
      if (seen++ === 0) firstAt = performance.now()
    }
  }
  return { firstAt, seen }
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[]
}
