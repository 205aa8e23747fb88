import { isRecord } from '../../json/json-object.js'
import type { TokenUsage } from '../../observability/completion-record.js'
import type { SseEvent } from '../../upstreams/server/sse/read-events.js'
import { unusableAnswerError } from '../../upstreams/server/upstream-error.js'
import { usageOf } from '../token-usage.js'

/** Meaning of an event for its stream. */
export interface MeteredEvent {
  /** The event to pass on; undefined for one that the caller did not ask for. */
  readonly event: SseEvent | undefined
  /** The stream is complete with it. */
  readonly isLast: boolean
}

/** Settings of a {@link StreamMeter}. */
export interface StreamMeterOptions {
  /** The caller asked for the tokens used. The gateway does in any case, to count them. Default true. */
  readonly includesUsage?: boolean
  /** Put into the first event, and into no other one. Default: nothing. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

const DONE = '[DONE]'
/** Last events of the streams that do not end with `[DONE]`. */
const LAST_TYPES = new Set([
  'response.completed',
  'response.failed',
  'response.incomplete',
  'image_generation.completed',
  'image_edit.completed',
  'speech.audio.done',
  'transcript.text.done',
])
/** Choices whose end is followed; a request has at most as many. */
const MAX_CHOICES = 4096
const OK = 200
/** The name under which answers are described. */
const METADATA = '_metadata'

/**
 * Reads the events of a stream for their tokens and for its end: a stream that ends in any other way was not
 * whole.
 */
export class StreamMeter {
  readonly #includesUsage: boolean
  #metadata: Readonly<Record<string, unknown>> | undefined
  /** Choices that have begun, and not ended. */
  readonly #openChoices = new Set<unknown>()
  #hasFinished = false
  #isDone = false
  usage: TokenUsage | undefined
  /** Name of the model, as the server spells it. */
  model: string | undefined
  /** Number of events with content: each has a token or more. */
  events = 0

  constructor({ includesUsage = true, metadata }: StreamMeterOptions = {}) {
    this.#includesUsage = includesUsage
    this.#metadata = metadata
  }

  /** True once the stream may end. */
  get isComplete(): boolean {
    return this.#isDone || (this.#hasFinished && this.#openChoices.size === 0)
  }

  /**
   * Reads the next event.
   *
   * @throws UpstreamError for data that is neither a JSON object nor `[DONE]`
   */
  read(event: SseEvent): MeteredEvent {
    if (event.data.trim() === DONE) {
      this.#isDone = true
      return { event: { data: DONE }, isLast: true }
    }
    const value = parse(event.data)
    const usage = value['usage'] ?? (isRecord(value['response']) && value['response']['usage'])
    this.usage = usageOf(usage) ?? this.usage
    this.model ??= typeof value['model'] === 'string' ? value['model'] : undefined
    const isLast = typeof value['type'] === 'string' && LAST_TYPES.has(value['type'])
    this.#isDone ||= isLast
    const { choices } = value
    if (Array.isArray(choices)) {
      const isUsageOnly = choices.length === 0 && isRecord(value['usage'])
      if (isUsageOnly && !this.#includesUsage) return { event: undefined, isLast }
      this.#follow(choices)
    }
    this.events++
    return { event: this.#described(event, value), isLast }
  }

  #follow(choices: readonly unknown[]): void {
    for (const choice of choices) {
      if (!isRecord(choice)) continue
      const { index, finish_reason: reason } = choice
      if (typeof reason === 'string') {
        this.#hasFinished = true
        this.#openChoices.delete(index)
      } else if (this.#openChoices.size < MAX_CHOICES) this.#openChoices.add(index)
    }
  }

  /** Replaces the description that a model server may have put there. */
  #described(event: SseEvent, value: Readonly<Record<string, unknown>>): SseEvent {
    const metadata = this.#metadata
    this.#metadata = undefined
    if (metadata === undefined && !Object.hasOwn(value, METADATA)) return event
    const { [METADATA]: _, ...others } = value
    return { ...event, data: JSON.stringify({ ...others, [METADATA]: metadata }) }
  }
}

function parse(data: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(data)
    if (isRecord(value)) return value
  } catch {
    // The same fault as another value.
  }
  throw unusableAnswerError(OK, 'an event that is not a JSON object')
}
