import { createOpenAICompatible, type OpenAICompatibleProvider } from '@ai-sdk/openai-compatible'
import { APIConnectionError } from '@nomyo/transport/errors'
import { makeDisposable } from '../disposable.js'
import {
  createNomyoFetch,
  type NomyoFetch,
  type NomyoFetchOptions,
} from '../openai-fetch/create-nomyo-fetch.js'

/** A provider of Vercel's AI SDK whose requests are end-to-end encrypted; see {@link createNomyo}. */
export interface NomyoProvider extends OpenAICompatibleProvider {
  /** Ends the client created for it, not one that was given. Safe to call twice. */
  dispose(): void
  /** The same as {@link NomyoProvider.dispose}, for `using`, where the runtime knows it. */
  [Symbol.dispose]: () => void
}

/**
 * Creates a provider for Vercel's AI SDK 5, 6 and 7: `createOpenAICompatible` of `@ai-sdk/openai-compatible`,
 * which must be installed, over {@link createNomyoFetch}. It has chat, completion, embedding and image
 * models, usage in streams, and structured output by schema.
 *
 * Retries are those of the AI SDK (`maxRetries` of a call), also after network faults. For models of
 * `/v1/responses`, speech and transcription, give `createNomyoFetch()` to `createOpenAI` of `@ai-sdk/openai`.
 *
 * @param options - those of `createNomyoFetch`
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 * @throws SecurityError `ERR_INSECURE_URL` for `http://` without `allowHttp: true`
 *
 * @example
 * ```ts
 * import { streamText } from 'ai'
 * import { createNomyo } from '@nomyo/client/ai-sdk'
 *
 * const nomyo = createNomyo({ baseUrl: 'https://gateway.example' })
 * const { textStream } = streamText({ model: nomyo('Qwen/Qwen3-0.6B'), prompt: 'Hello!' })
 * for await (const text of textStream) process.stdout.write(text)
 * ```
 */
export function createNomyo(options: NomyoFetchOptions = {}): NomyoProvider {
  const nomyoFetch = createNomyoFetch(options)
  const provider = createOpenAICompatible({
    name: 'nomyo',
    // Never contacted.
    baseURL: 'https://nomyo.invalid/v1',
    fetch: retryable(nomyoFetch),
    includeUsage: true,
    supportsStructuredOutputs: true,
  })
  const withDispose = Object.assign(provider, {
    dispose: () => {
      nomyoFetch.dispose()
    },
  })
  makeDisposable(withDispose)
  return withDispose as NomyoProvider
}

/** Throws network faults as `fetch` does: by that form the AI SDK knows that a retry may help. */
const retryable =
  (nomyoFetch: NomyoFetch): typeof fetch =>
  async (input, init) => {
    try {
      return await nomyoFetch(input, init)
    } catch (error) {
      if (!(error instanceof APIConnectionError) || error.code === 'ERR_ABORTED') throw error
      throw new TypeError('fetch failed', { cause: error })
    }
  }
