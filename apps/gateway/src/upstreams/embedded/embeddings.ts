import { FairQueue } from '../../completion/load/fair-queue.js'
import type { EventLoopTurns } from '../../json/event-loop-turns.js'
import type { EmbeddingContext, Token } from './library.js'
import type { LoadedModel } from './load-model.js'
import { contextOverflow, queueIsFull, unsupported } from './refusals.js'
import { EMBEDDING_MEMBERS, refuseOthers } from './request/members.js'

type Members = Readonly<Record<string, unknown>>

const MAX_INPUTS = 256
/** Tokens of one input: the context for embeddings takes memory of its own. */
const MAX_TOKENS = 2048
const MAX_CHARACTERS = 32 * MAX_TOKENS

/** Circumstances of a request for embeddings. */
interface EmbeddingRequest {
  /** The caller, as far as callers are told apart. */
  readonly owner: string
  readonly signal: AbortSignal
  readonly turns: EventLoopTurns
}

/** Embeddings of one text after another, callers in turn, in a context that is made for the first of them. */
export class Embeddings {
  readonly #loaded: LoadedModel
  readonly #queue: FairQueue
  #context: Promise<EmbeddingContext> | undefined

  /** @param maxWaiting - requests that wait for their turn at most */
  constructor(loaded: LoadedModel, maxWaiting: number) {
    this.#loaded = loaded
    this.#queue = new FairQueue({ concurrency: 1, maxWaiting, createError: queueIsFull })
  }

  /** Requests that wait for their turn. */
  get waiting(): number {
    return this.#queue.waiting
  }

  /**
   * Answers a request of OpenAI's embeddings.
   *
   * @throws UpstreamRefusal
   * @throws HttpError 503 when the queue is full
   */
  async answer(request: Members, { owner, signal, turns }: EmbeddingRequest): Promise<Members> {
    refuseOthers(request, EMBEDDING_MEMBERS)
    const isBase64 = readEncoding(request['encoding_format'])
    const inputs: (readonly Token[])[] = []
    for (const text of readInputs(request['input'])) {
      inputs.push(this.#tokensOf(text))
      await turns.next()
    }
    const context = await this.#createContext()
    const data: object[] = []
    for (const [index, tokens] of inputs.entries()) {
      signal.throwIfAborted()
      const { vector } = await this.#queue.run(owner, () => context.getEmbeddingFor(tokens), signal)
      const embedding = isBase64 ? base64Of(vector) : vector
      data.push({ object: 'embedding', index, embedding })
    }
    const tokens = inputs.reduce((sum, { length }) => sum + length, 0)
    return {
      object: 'list',
      data,
      model: request['model'],
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    }
  }

  #createContext(): Promise<EmbeddingContext> {
    const { model, threads } = this.#loaded
    this.#context ??= model
      .createEmbeddingContext({
        contextSize: { max: MAX_TOKENS },
        ...(threads === undefined ? {} : { threads }),
      })
      .catch((error: unknown) => {
        this.#context = undefined
        throw error
      })
    return this.#context
  }

  #tokensOf(text: string): readonly Token[] {
    const tokens = text.length > MAX_CHARACTERS ? undefined : this.#loaded.model.tokenize(text)
    if (tokens === undefined || tokens.length > MAX_TOKENS - 2) {
      throw contextOverflow(MAX_TOKENS, 'input')
    }
    return tokens
  }
}

function readInputs(input: unknown): readonly string[] {
  const inputs: readonly unknown[] = Array.isArray(input) ? input : [input]
  const isText = (text: unknown): text is string => typeof text === 'string' && text !== ''
  if (inputs.length > 0 && inputs.length <= MAX_INPUTS && inputs.every(isText)) return inputs
  throw unsupported(
    'input',
    `input must be a text, or a list of at most ${String(MAX_INPUTS)} texts, none of them empty.`,
    'invalid_value',
  )
}

function readEncoding(encoding: unknown): boolean {
  if (encoding === undefined || encoding === null || encoding === 'float') return false
  if (encoding === 'base64') return true
  throw unsupported('encoding_format', 'encoding_format must be float or base64.', 'invalid_value')
}

const base64Of = (vector: readonly number[]): string =>
  Buffer.from(Float32Array.from(vector).buffer).toString('base64')
