import type { Attributes, Context, HrTime, Span } from '@opentelemetry/api'
import { withTimeout } from '@nomyo-internal/diagnostics'
import type { TracingConfig } from '../../config/config.js'
import { GatewayError } from '../../errors.js'
import type { CompletionRecord, Step } from '../completion-record.js'
import { operationOf } from './operation.js'
import type { Logger } from '../log.js'
import { reportFailures, type CountSpans } from './exporter.js'
import { loadSdk, type Sdk } from './sdk.js'
import type { CompletionTrace, TracedRequest, Tracer } from './tracer.js'

/** Services of a tracer. */
export interface TracerOptions {
  readonly logger: Logger
  readonly count: CountSpans
  /** Puts the names of models into spans. */
  readonly models: boolean
  /** Returns the URL of a model server by its name; undefined for an engine in this process. */
  readonly urlOf: (upstream: string) => string | undefined
}

/** Steps that become spans below that of the request; the model server has a span of its own kind. */
const INTERNAL_STEPS: readonly Step[] = ['queue', 'decrypt', 'quote', 'encrypt']
/** The caller chooses the name of the model. */
const MAX_MODEL_LENGTH = 128
const SHUTDOWN_TIMEOUT_MS = 3000
const MAX_QUEUE = 2048

/**
 * Creates a tracer that exports by OTLP over HTTP. Exports happen in the background from a bounded queue:
 * a receiver that is down costs spans, never a request.
 *
 * @throws GatewayError `ERR_TRACING` when the SDK cannot be loaded, or the endpoint is no URL
 */
export async function createOtelTracer(
  { endpoint }: TracingConfig,
  { logger, count, models, urlOf }: TracerOptions,
): Promise<Tracer> {
  if (!URL.canParse(endpoint)) {
    throw new GatewayError('ERR_TRACING', 'the endpoint of traces is not a URL.')
  }
  const sdk = await loadSdk()
  const { api, core, exporter, resources } = sdk
  const otlp = new exporter.OTLPTraceExporter({ url: endpoint })
  const provider = new sdk.sdk.TracerProvider({
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes({ 'service.name': 'nomyo-gateway' }))
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    sampler: new sdk.sdk.ParentBasedSampler({ root: new sdk.sdk.AlwaysOnSampler() }),
    spanProcessors: [
      new sdk.sdk.BatchSpanProcessor({
        exporter: reportFailures(otlp, logger, count),
        maxQueueSize: MAX_QUEUE,
      }),
    ],
  })
  const tracer = provider.getTracer('@nomyo/gateway')
  const propagator = new core.W3CTraceContextPropagator()
  return {
    start: ({ headers, route, clock }: TracedRequest) => {
      const parent = propagator.extract(api.ROOT_CONTEXT, headers, api.defaultTextMapGetter)
      const server = tracer.startSpan(
        `POST ${route}`,
        {
          kind: api.SpanKind.SERVER,
          startTime: hrTime(clock.startedAtMs),
          attributes: { 'http.request.method': 'POST', 'http.route': route },
        },
        parent,
      )
      const context = api.trace.setSpan(parent, server)
      return new OtelTrace({ sdk, tracer, propagator, models, urlOf, server, context, clock })
    },
    close: () =>
      withTimeout(provider.shutdown(), SHUTDOWN_TIMEOUT_MS, () => new Error('timeout')).catch(
        () => undefined,
      ),
  }
}

interface TraceParts {
  readonly sdk: Sdk
  readonly tracer: ReturnType<InstanceType<Sdk['sdk']['TracerProvider']>['getTracer']>
  readonly propagator: InstanceType<Sdk['core']['W3CTraceContextPropagator']>
  readonly models: boolean
  readonly urlOf: TracerOptions['urlOf']
  readonly server: Span
  readonly clock: TracedRequest['clock']
  /** Contains the span of the request. */
  readonly context: Context
}

/** Spans of one request. */
class OtelTrace implements CompletionTrace {
  readonly #parts: TraceParts
  #upstream: Span | undefined

  constructor(parts: TraceParts) {
    this.#parts = parts
  }

  upstreamHeaders(): Readonly<Record<string, string>> {
    const { sdk, tracer, propagator, context, clock } = this.#parts
    const { api } = sdk
    this.#upstream ??= tracer.startSpan(
      'chat',
      { kind: api.SpanKind.CLIENT, startTime: hrTime(clock.nowMs()) },
      context,
    )
    const headers: Record<string, string> = {}
    propagator.inject(api.trace.setSpan(context, this.#upstream), headers, api.defaultTextMapSetter)
    return headers
  }

  completed(record: CompletionRecord): void {
    const { server, tracer, context } = this.#parts
    const timeAt = (ms: number): HrTime => hrTime(record.startedAtMs + ms)
    for (const step of INTERNAL_STEPS) {
      const time = record.steps[step]
      if (time === undefined) continue
      tracer
        .startSpan(step, { startTime: timeAt(time.startMs) }, context)
        .end(timeAt(time.startMs + time.durationMs))
    }
    this.#endUpstream(record, timeAt)
    server.setAttributes(requestAttributes(record))
    // The fault of a caller is no error of the server.
    if ((record.status ?? 0) >= 500 || isBroken(record)) this.#fail(server)
    server.end(timeAt(record.totalMs))
  }

  #endUpstream(record: CompletionRecord, timeAt: (ms: number) => HrTime): void {
    const span = this.#upstream
    if (span === undefined) return
    const { startMs, durationMs } = record.steps.upstream ?? { startMs: 0, durationMs: 0 }
    span.setAttributes(this.#upstreamAttributes(record))
    const answered = record.upstreamStatus === 200 && !isBroken(record)
    // The caller chooses the name of a model that no server has: only known ones become names of spans.
    const operation = operationOf(record.endpoint)
    span.updateName(
      answered && this.#parts.models ? `${operation} ${modelName(record.model) ?? ''}` : operation,
    )
    if (!answered) this.#fail(span)
    span.end(timeAt(startMs + durationMs))
  }

  /** By the semantic conventions of OpenTelemetry for generative AI. */
  #upstreamAttributes(record: CompletionRecord): Attributes {
    const { usage, upstream, upstreamStatus, outcome, endpoint } = record
    const { model, responseModel } = this.#parts.models ? record : {}
    const text = upstream === undefined ? undefined : this.#parts.urlOf(upstream)
    const url = text === undefined ? undefined : new URL(text)
    const port =
      url && (url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port))
    return defined({
      'gen_ai.operation.name': operationOf(endpoint),
      // The API that the server speaks: most have no name in the conventions.
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': modelName(model),
      'gen_ai.response.model': modelName(responseModel),
      'gen_ai.usage.input_tokens': usage?.promptTokens,
      'gen_ai.usage.output_tokens': usage?.completionTokens,
      'server.address': url?.hostname.replace(/^\[(.*)\]$/, '$1'),
      'server.port': port,
      'nomyo.upstream': upstream,
      'http.response.status_code': upstreamStatus,
      'nomyo.stream.end': record.stream?.end,
      'nomyo.stream.events': record.stream?.parts,
      'error.type': upstreamStatus === 200 && !isBroken(record) ? undefined : outcome,
    })
  }

  #fail(span: Span): void {
    span.setStatus({ code: this.#parts.sdk.api.SpanStatusCode.ERROR })
  }
}

/** Checks for a stream that its model server did not complete. */
const isBroken = ({ stream }: CompletionRecord): boolean =>
  stream?.end === 'failed' || stream?.end === 'truncated'

const requestAttributes = ({
  status,
  outcome,
  keyName,
  tier,
  requestId,
  endpoint,
}: CompletionRecord) =>
  defined({
    'http.response.status_code': status ?? undefined,
    'error.type': outcome === 'ok' ? undefined : outcome,
    'nomyo.key': keyName,
    'nomyo.tier': tier,
    'nomyo.request_id': requestId,
    'nomyo.endpoint': endpoint,
  })

/** Bounds the name of a model, and removes what could forge lines. */
const modelName = (model: string | undefined): string | undefined =>
  model?.slice(0, MAX_MODEL_LENGTH).replace(/[^\x20-\x7e]/g, '?')

const defined = (attributes: Record<string, string | number | undefined>): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))

/** Converts milliseconds since 1970; the SDK reads small numbers as times since the start of the process. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.floor((ms - seconds * 1000) * 1e6)]
}
