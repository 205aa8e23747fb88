import type { IncomingHttpHeaders } from 'node:http'
import type { CompletionObservation, CompletionObserver } from '../completion-record.js'

/** Trace of one encrypted request. Ends with its record. */
export interface CompletionTrace extends CompletionObserver {
  /** Starts the span of the model server, and returns the headers that continue the trace there. */
  upstreamHeaders(): Readonly<Record<string, string>>
}

/** Start of a request. */
export interface TracedRequest {
  /** Headers, of which `traceparent` and `tracestate` continue the trace of the caller. */
  readonly headers: IncomingHttpHeaders
  /** Path of the route. */
  readonly route: string
  /** Clock of the request: every span of it is measured by one. */
  readonly clock: Pick<CompletionObservation, 'startedAtMs' | 'nowMs'>
}

/** Creates the traces of encrypted requests. */
export interface Tracer {
  /** Starts the trace of an admitted request. Never throws. */
  start(request: TracedRequest): CompletionTrace
  /** Sends what is left, for a few seconds at most. Never rejects. */
  close(): Promise<void>
}

const noTrace: CompletionTrace = { upstreamHeaders: () => ({}), completed: () => undefined }

/** Tracer without an effect. */
export const noTracer: Tracer = { start: () => noTrace, close: () => Promise.resolve() }
