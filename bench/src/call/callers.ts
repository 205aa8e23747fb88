import { SecureChatCompletion } from '@nomyo/client'
import { assertSame, type ChatRequest } from '../messages.js'

/** A client that returns the text of the answer. */
export interface Caller {
  ask(request: ChatRequest): Promise<unknown>
  close(): void
}

/** A client with its defaults, or with a saved key. */
export function sealedCaller(baseUrl: string, keyDir?: string): Caller {
  // Plain HTTP is intended here: no warning.
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

/** The `fetch` of the platform, with JSON in both directions. */
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
