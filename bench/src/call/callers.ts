import type { SecureChatCompletionOptions } from '@nomyo/client'
import type { ChatRequest } from '../messages.js'

/** A client that returns the text of the answer. */
export interface Caller {
  ask(request: ChatRequest): Promise<unknown>
  close(): void
}

/** Loads `@nomyo/client`. Returns a function that creates a client, for one of the wires. */
export async function loadSealedCaller() {
  const { SecureChatCompletion } = await import('@nomyo/client')
  // Plain HTTP is intended here: no warning.
  const logger = { warn: () => undefined }
  return (options: SecureChatCompletionOptions): Caller => {
    const client = new SecureChatCompletion({ ...options, allowHttp: true, logger })
    return {
      ask: async (request) => (await client.create({ ...request })).choices[0].message.content,
      close: () => client.dispose(),
    }
  }
}

/** The `fetch` of the platform, with JSON in both directions. */
export function plainCaller({ baseUrl }: { readonly baseUrl: string }): Caller {
  return {
    ask: async (request) => {
      const response = await fetch(`${baseUrl}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      })
      const { choices } = (await response.json()) as Completion
      return choices[0]?.message.content
    },
    close: () => undefined,
  }
}

interface Completion {
  readonly choices: readonly { readonly message: { readonly content: string } }[]
}
