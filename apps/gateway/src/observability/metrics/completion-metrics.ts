import { printableLine } from '@nomyo-internal/diagnostics'
import { Counter, Histogram, type Registry } from 'prom-client'
import { STEPS, type CompletionObserver, type CompletionRecord } from '../completion-record.js'

/** From one RSA operation to the longest answer of a large model. */
const BUCKETS_S = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
]
/** Value of `key` where no API key is required. */
const NO_KEY = 'none'
/** Value of `endpoint` for a route that does not exist, or is not known yet. */
const NO_ENDPOINT = 'none'
/** Value of `model` for names that no model server lists. */
const OTHER_MODEL = 'other'
/** Lists change; more names than these share one series. */
const MAX_MODELS = 200
/** Value of `tier` for a request that was refused before its tier was read. */
const NO_TIER = 'none'

/**
 * Metrics of encrypted requests: durations, and usage per API key and per model. Keys appear by name,
 * which the operator chose, models only where a model server or its settings list them: callers cannot
 * add series.
 */
export class CompletionMetrics implements CompletionObserver {
  readonly #steps: Histogram<'step'>
  readonly #total: Histogram<'tier' | 'wire'>
  readonly #requests: Counter<'key'>
  readonly #endpointRequests: Counter<'endpoint'>
  readonly #tokens: Counter<'key' | 'kind'>
  readonly #modelRequests: Counter<'model'>
  readonly #modelTokens: Counter<'model' | 'kind'>
  readonly #streams: Counter<'end'>
  readonly #streamParts: Counter
  readonly #firstPart: Histogram
  readonly #models = new Set<string>()
  #isListed: ((model: string) => boolean) | undefined

  constructor(registry: Registry) {
    const registers = [registry]
    this.#steps = new Histogram({
      name: 'nomyo_step_duration_seconds',
      help: 'Duration of the steps of an answer, including failed ones.',
      labelNames: ['step'],
      buckets: BUCKETS_S,
      registers,
    })
    this.#total = new Histogram({
      name: 'nomyo_completion_duration_seconds',
      help: 'Time from the headers of an encrypted request to the end of its response.',
      labelNames: ['tier', 'wire'],
      buckets: BUCKETS_S,
      registers,
    })
    this.#requests = new Counter({
      name: 'nomyo_key_requests_total',
      help: 'Encrypted requests that passed authentication and rate limit, by name of the API key.',
      labelNames: ['key'],
      registers,
    })
    this.#endpointRequests = new Counter({
      name: 'nomyo_endpoint_requests_total',
      help: 'Encrypted requests that passed authentication and rate limit, by method and path inside the encryption; none where no such route exists.',
      labelNames: ['endpoint'],
      registers,
    })
    this.#tokens = new Counter({
      name: 'nomyo_key_tokens_total',
      help: 'Tokens as model servers report them, by name of the API key.',
      labelNames: ['key', 'kind'],
      registers,
    })
    this.#modelRequests = new Counter({
      name: 'nomyo_model_requests_total',
      help: 'Requests that reached the model servers, by model; other if none lists it.',
      labelNames: ['model'],
      registers,
    })
    this.#modelTokens = new Counter({
      name: 'nomyo_model_tokens_total',
      help: 'Tokens as model servers report them, by model; other if none lists it.',
      labelNames: ['model', 'kind'],
      registers,
    })
    this.#streams = new Counter({
      name: 'nomyo_streams_total',
      help: 'Streamed answers by their end: complete, failed, truncated or disconnected.',
      labelNames: ['end'],
      registers,
    })
    this.#streamParts = new Counter({
      name: 'nomyo_stream_events_total',
      help: 'Events, and parts of audio, that streamed answers passed on.',
      registers,
    })
    this.#firstPart = new Histogram({
      name: 'nomyo_stream_first_event_seconds',
      help: 'Time from the headers of an encrypted request to the first event of its streamed answer.',
      buckets: BUCKETS_S,
      registers,
    })
  }

  #countStream({ stream }: CompletionRecord): void {
    if (stream === undefined) return
    this.#streams.inc({ end: stream.end })
    this.#streamParts.inc(stream.parts)
    if (stream.firstPartMs !== undefined) this.#firstPart.observe(stream.firstPartMs / 1000)
  }

  /** Counts requests by model from now on. */
  watchModels(isListed: (model: string) => boolean): void {
    this.#isListed = isListed
  }

  completed(record: CompletionRecord): void {
    const { steps, totalMs, tier, wire, admitted, keyName, usage } = record
    for (const step of STEPS) {
      const time = steps[step]
      if (time !== undefined) this.#steps.observe({ step }, time.durationMs / 1000)
    }
    this.#total.observe({ tier: tier ?? NO_TIER, wire: String(wire) }, totalMs / 1000)
    if (!admitted) return
    const key = keyName ?? NO_KEY
    this.#requests.inc({ key })
    this.#endpointRequests.inc({ endpoint: record.endpoint ?? NO_ENDPOINT })
    this.#tokens.inc({ key, kind: 'prompt' }, usage?.promptTokens ?? 0)
    this.#tokens.inc({ key, kind: 'completion' }, usage?.completionTokens ?? 0)
    this.#countModel(record)
    this.#countStream(record)
  }

  #countModel({ model: name, steps, usage }: CompletionRecord): void {
    if (name === undefined || steps.upstream === undefined || this.#isListed === undefined) return
    const model = this.#isListed(name) ? this.#labelOf(name) : OTHER_MODEL
    this.#modelRequests.inc({ model })
    this.#modelTokens.inc({ model, kind: 'prompt' }, usage?.promptTokens ?? 0)
    this.#modelTokens.inc({ model, kind: 'completion' }, usage?.completionTokens ?? 0)
  }

  #labelOf(name: string): string {
    if (!this.#models.has(name) && this.#models.size >= MAX_MODELS) return OTHER_MODEL
    this.#models.add(name)
    return printableLine(name)
  }
}
