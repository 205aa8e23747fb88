import { SecureChatCompletion } from '@nomyo/client'
import { assertSame, type ChatRequest } from '../messages.js'

/** One way of asking: gives the text of the answer. */
export interface Caller {
  ask(request: ChatRequest): Promise<unknown>
  close(): void
}

/** A client with its defaults, or with a saved key. */
export function sealedCaller(baseUrl: string, keyDir?: string): Caller {
  // Plain HTTP is what is wanted here: no warning.
  const logger = { warn: () => undefined }
  const client = new SecureChatCompletion({ baseUrl, keyDir, allowHttp: true, logger })
  return {
    ask: async (request) => {
      const { choices } = await client.create({ ...request })
      return choices[0].message.content
    },
    close: () => client.dispose(),
  }
}

/** `fetch` of the platform, JSON there and JSON back. */
export function plainCaller(baseUrl: string): Caller {
  return {
    ask: async (request) => {
      const response = await fetch(`${baseUrl}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      })
      const { choices } = (await response.json()) as PlainCompletion
      return choices[0]?.message.content
    },
    close: () => undefined,
  }
}

/** @throws Error unless the answer is an echo of the request */
export function checkEcho(answer: unknown, { messages }: ChatRequest): void {
  assertSame(answer, messages.at(-1)?.content, 'an answer')
}

interface PlainCompletion {
  readonly choices: readonly { readonly message: { readonly content: string } }[]
}
