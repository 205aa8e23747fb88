import { buffer } from 'node:stream/consumers'
import type { FastifyBaseLogger } from 'fastify'
import type { ChatRequest, ParsedChatRequest } from '../../completion/chat-request.js'
import { HttpError } from '../../http-error.js'
import type { EventLoopTurns } from '../../json/event-loop-turns.js'
import { JsonObject } from '../../json/json-object.js'
import type { Completion, Engine, EngineContext, ForwardContext, UpstreamState } from '../engine.js'
import type { RouteAnswer, RouteRequest } from '../route.js'
import { UpstreamError, type FailureKind } from '../server/upstream-error.js'
import { UpstreamRefusal } from '../server/upstream-refusal.js'
import { withFirst } from '../server/with-first.js'
import type { SseEvent } from '../server/sse/read-events.js'
import { chatAnswer, completionAnswer, type AnswerShape } from './answers.js'
import { ConversationSlots } from './conversation-slots.js'
import { Embeddings } from './embeddings.js'
import {
  prepareChat,
  prepareCompletion,
  type AnswerEnd,
  type AnswerPart,
  type Generation,
} from './generate.js'
import type { LoadedModel } from './load-model.js'
import { engineFailed, noSuchModel, noSuchRoute, unavailable } from './refusals.js'
import { readChatTask } from './request/chat-task.js'
import { readCompletionTask } from './request/completion-task.js'
import { streamOf } from './part-stream.js'

type Members = Readonly<Record<string, unknown>>

/** Settings of an {@link EmbeddedEngine}. */
export interface EmbeddedEngineOptions {
  /** Names that requests may give the model. The first one is listed. */
  readonly names: readonly [string, ...string[]]
  /** Conversations that are answered at the same time. */
  readonly parallel: number
  /** Requests that wait for their turn at most. */
  readonly maxWaiting: number
  /** Receives the result of every request. */
  readonly onAttempt?: ((upstream: string, result: 'answered' | FailureKind) => void) | undefined
}

/** Name of the engine in logs and metrics. */
const NAME = 'embedded'
/** Larger requests are parsed in a turn of their own. */
const LARGE_BYTES = 256 * 1024
/** Growth of an answer after which its memory is accounted for again. */
const ACCOUNT_BYTES = 16 * 1024

const CHAT = '/chat/completions'
const COMPLETIONS = '/completions'
const EMBEDDINGS = '/embeddings'
const PATHS: ReadonlySet<string> = new Set([CHAT, COMPLETIONS, EMBEDDINGS])

/**
 * A model in this process as an engine: no plaintext leaves it. Requests wait in a bounded queue for one of
 * the slots for conversations.
 */
export class EmbeddedEngine implements Engine {
  readonly #loaded: LoadedModel
  readonly #options: EmbeddedEngineOptions
  readonly #slots: ConversationSlots
  readonly #embeddings: Embeddings
  /** Ends of the requests in progress. */
  readonly #stops = new Set<AbortController>()
  /** Work that uses the model. */
  readonly #work = new Set<Promise<unknown>>()
  #log: FastifyBaseLogger | undefined
  /** The last request did not fail for a reason of the engine. */
  #isHealthy = true
  #closed: Promise<void> | undefined

  constructor(loaded: LoadedModel, options: EmbeddedEngineOptions) {
    this.#loaded = loaded
    this.#options = options
    const { parallel, maxWaiting } = options
    this.#embeddings = new Embeddings(loaded, maxWaiting)
    this.#slots = new ConversationSlots({
      sequences: Array.from({ length: parallel }, () => loaded.context.getSequence()),
      maxWaiting,
    })
  }

  start(log: FastifyBaseLogger): void {
    this.#log = log
  }

  /** Requests that wait for their turn. */
  get waiting(): number {
    return this.#slots.waiting + this.#embeddings.waiting
  }

  async complete(
    request: ChatRequest,
    signal: AbortSignal,
    context: EngineContext,
  ): Promise<Completion> {
    const end = this.#begin()
    try {
      return await this.#attempt(AbortSignal.any([signal, end.signal]), context, async (stop) => {
        this.#checkModel(request.model)
        if (request.byteLength > LARGE_BYTES) await context.turns.next()
        const parsed = { ...request.parse(), ...context.changes }
        const generation = await this.#chat(parsed, context.turns)
        const shape = chatAnswer(request.model)
        return { answer: await this.#whole(generation, shape, stop, context), upstream: NAME }
      })
    } finally {
      end()
    }
  }

  async forward(
    request: RouteRequest,
    signal: AbortSignal,
    context: ForwardContext,
  ): Promise<RouteAnswer> {
    const end = this.#begin()
    const answer = await this.#attempt(
      AbortSignal.any([signal, end.signal]),
      context,
      async (stop) => {
        if (!PATHS.has(request.path)) throw noSuchRoute()
        this.#checkModel(request.model)
        const body = await readBody(request, context.turns)
        if (request.path === EMBEDDINGS) return jsonAnswer(await this.#embed(body, stop, context))
        const [generation, shape] = await this.#generation(request, body, context.turns)
        if (!request.streamed) {
          return jsonAnswer(await this.#whole(generation, shape, stop, context))
        }
        return eventAnswer(await this.#events(generation, shape, stop, context))
      },
    ).catch((error: unknown) => {
      end()
      throw error
    })
    return { ...answer, upstream: NAME, close: end }
  }

  models(): Promise<readonly string[]> {
    return Promise.resolve([this.#options.names[0]])
  }

  lists(model: string): boolean {
    return this.#options.names.includes(model)
  }

  upstreams(): readonly UpstreamState[] {
    const inFlight = this.#slots.busy + this.#slots.waiting
    return [{ name: NAME, url: undefined, healthy: this.#isHealthy, inFlight }]
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  async #close(): Promise<void> {
    for (const stop of this.#stops) stop.abort()
    this.#slots.close()
    // The library must not free what it still evaluates.
    while (this.#work.size > 0) await Promise.allSettled(this.#work)
    await this.#loaded.dispose()
  }

  /** Begins a request; the result ends it, and its signal aborts then. */
  #begin(): (() => void) & { readonly signal: AbortSignal } {
    const stop = new AbortController()
    if (this.#closed !== undefined) stop.abort()
    this.#stops.add(stop)
    const end = (): void => {
      this.#stops.delete(stop)
      stop.abort()
    }
    return Object.assign(end, { signal: stop.signal })
  }

  #checkModel(model: string): void {
    if (!this.lists(model)) throw noSuchModel(model)
  }

  async #generation(
    { path, model }: RouteRequest,
    body: Members,
    turns: EventLoopTurns,
  ): Promise<readonly [Generation, AnswerShape]> {
    if (path === CHAT) {
      return [await this.#chat(body as ParsedChatRequest, turns), chatAnswer(model)]
    }
    const task = readCompletionTask(body)
    return [await prepareCompletion(task, this.#loaded, turns), completionAnswer(model)]
  }

  async #embed(
    body: Members,
    signal: AbortSignal,
    { cacheSalt = '', turns }: ForwardContext,
  ): Promise<JsonObject> {
    return JsonObject.from(await this.#embeddings.answer(body, { owner: cacheSalt, signal, turns }))
  }

  #chat(request: ParsedChatRequest, turns: EventLoopTurns): Promise<Generation> {
    return prepareChat(readChatTask(request), this.#loaded, turns)
  }

  async #whole(
    generation: Generation,
    shape: AnswerShape,
    signal: AbortSignal,
    context: ForwardContext,
  ): Promise<JsonObject> {
    const parts: AnswerPart[] = []
    const account = accountFor(context)
    const end = await this.#run(generation, signal, context, (part) => {
      account(part)
      parts.push(part)
    })
    return JsonObject.from(shape.whole(parts, end))
  }

  /** Resolves with the first event, so that what fails before it is a refusal. */
  async #events(
    generation: Generation,
    shape: AnswerShape,
    signal: AbortSignal,
    context: ForwardContext,
  ): Promise<AsyncIterable<SseEvent>> {
    const events = streamOf<SseEvent>(async (onEvent) => {
      const end = await this.#run(generation, signal, context, (part) => {
        onEvent(shape.part(part))
      })
      for (const event of shape.end(end)) onEvent(event)
    })
    const first = await events.next()
    if (first.done === true) throw engineFailed()
    return withFirst(first.value, events, (error) => this.#failed(error, signal))
  }

  /** Runs a generation in a slot, when it is the turn of its caller. */
  async #run(
    generation: Generation,
    signal: AbortSignal,
    { cacheSalt = '' }: ForwardContext,
    onPart: (part: AnswerPart) => void,
  ): Promise<AnswerEnd> {
    // The library catches what a callback throws.
    const refused = new AbortController()
    const stop = AbortSignal.any([signal, refused.signal])
    const receive = (part: AnswerPart): void => {
      try {
        if (!stop.aborted) onPart(part)
      } catch (error) {
        refused.abort(error)
      }
    }
    const end = await this.#track(
      this.#slots.run(cacheSalt, (sequence) => generation(sequence, stop, receive), stop),
    )
    stop.throwIfAborted()
    return end
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#work.add(work)
    try {
      return await work
    } finally {
      this.#work.delete(work)
    }
  }

  /** Counts a request, and translates its failure. */
  async #attempt<Answer>(
    stop: AbortSignal,
    context: ForwardContext,
    work: (stop: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    context.observation.upstream = NAME
    try {
      stop.throwIfAborted()
      const answer = await this.#track(work(stop))
      this.#isHealthy = true
      this.#options.onAttempt?.(NAME, 'answered')
      return answer
    } catch (error) {
      throw this.#failed(error, stop).refusal
    }
  }

  /** Counts and logs a failure, without the message of the library: it may quote the conversation. */
  #failed(error: unknown, signal: AbortSignal): UpstreamError {
    if (signal.aborted) return interrupted()
    const failure = failureOf(error)
    this.#options.onAttempt?.(NAME, failure.kind)
    if (failure.kind === 'error') {
      this.#isHealthy = false
      this.#log?.warn({ upstream: NAME, reason: failure.reason }, 'the embedded model failed')
    }
    return failure
  }
}

const interrupted = (): UpstreamError =>
  new UpstreamError('dropped', unavailable(), { reason: 'ABORTED' })

function failureOf(error: unknown): UpstreamError {
  if (!(error instanceof HttpError)) {
    const reason = error instanceof Error ? error.name : typeof error
    return new UpstreamError('error', engineFailed(), { reason })
  }
  const kind = error instanceof UpstreamRefusal ? refusalKind(error) : 'busy'
  return new UpstreamError(kind, error, { reason: error.statusCode })
}

function refusalKind({ inner, code }: UpstreamRefusal): FailureKind {
  if (code === 'not_found') return 'route'
  return inner.status === 404 ? 'model' : 'refused'
}

async function readBody(request: RouteRequest, turns: EventLoopTurns): Promise<Members> {
  const body = request.body({ cacheSalt: undefined }).toBody()
  const bytes = body instanceof Uint8Array ? body : await buffer(body)
  if (bytes.length > LARGE_BYTES) await turns.next()
  return JSON.parse(new TextDecoder().decode(bytes)) as Members
}

/** Returns a function that accounts for the memory of an answer as it grows. */
function accountFor(context: ForwardContext): (part: AnswerPart) => void {
  let bytes = 0
  let accounted = 0
  return (part) => {
    bytes += 2 * (part.kind === 'call' ? part.arguments : part.text).length
    if (bytes - accounted < ACCOUNT_BYTES) return
    accounted = bytes
    context.reserveAnswer(bytes)
  }
}

const jsonAnswer = (object: JsonObject): Omit<RouteAnswer, 'close'> => ({
  contentType: 'application/json',
  body: { kind: 'json', object },
})

const eventAnswer = (events: AsyncIterable<SseEvent>): Omit<RouteAnswer, 'close'> => ({
  contentType: 'text/event-stream; charset=utf-8',
  body: { kind: 'events', events },
})
