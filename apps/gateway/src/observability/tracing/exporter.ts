import type { ExportResult } from '@opentelemetry/core'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Logger } from '../log.js'
import type { Sdk } from './sdk.js'

/** Receiver of the number of spans that were exported, or lost. */
export type CountSpans = (result: 'exported' | 'lost', count: number) => void

/**
 * Reports an exporter that fails, and one that has recovered: once each, with the code of the failure.
 * Spans that it does not accept are lost.
 */
export function reportFailures(
  exporter: SpanExporter,
  logger: Logger,
  count: CountSpans,
): SpanExporter {
  let failing = false
  return {
    export: (spans, done) => {
      exporter.export(spans, (result) => {
        const failed = !succeeded(result)
        count(failed ? 'lost' : 'exported', spans.length)
        if (failed && !failing) {
          logger.warn(
            `traces cannot be exported (${reasonOf(result.error)}): they are lost until that works again`,
          )
        }
        if (!failed && failing) logger.info('traces are exported again')
        failing = failed
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush === undefined ? {} : { forceFlush: () => exporter.forceFlush?.() }),
  } as SpanExporter
}

/**
 * Exports no span, which a receiver accepts as it accepts any.
 *
 * @returns the error, if it does not
 */
export async function exportNothing(
  { exporter }: Sdk,
  url: string,
  timeoutMillis: number,
): Promise<{ readonly error?: unknown }> {
  const otlp = new exporter.OTLPTraceExporter({ url, timeoutMillis })
  try {
    return await new Promise((resolve) => {
      otlp.export([], (result) => {
        resolve(succeeded(result) ? {} : { error: result.error ?? new Error('no answer') })
      })
    })
  } finally {
    await otlp.shutdown()
  }
}

/** A success is 0. The package of the enum is loaded for traces only. */
const succeeded = ({ code }: ExportResult): boolean => (code as number) === 0

/** Returns the status or the code of a failure. Its text may contain the answer of the receiver. */
export function reasonOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'number' || (typeof code === 'string' && /^\w{1,64}$/.test(code))
    ? String(code)
    : 'no answer'
}
