import { printableLine } from '@nomyo-internal/diagnostics'
import type { CompletionRecord } from './completion-record.js'

/** Longer names are cut: a caller may send any. */
const MAX_MODEL_LENGTH = 128

/** Lists the facts of an encrypted request for its line in the log; unknown ones are left out. */
export function completionFields(
  record: CompletionRecord,
  { logModels }: { readonly logModels: boolean },
): object {
  const { steps, usage, stream } = record
  const fields = {
    payloadId: record.payloadId,
    wire: record.wire,
    endpoint: record.endpoint,
    outcome: record.outcome,
    key: record.keyName,
    tier: record.tier,
    model: record.model === undefined || !logModels ? undefined : modelName(record.model),
    upstream: record.upstream,
    queueMs: milliseconds(steps.queue?.durationMs),
    decryptMs: milliseconds(steps.decrypt?.durationMs),
    quoteMs: milliseconds(steps.quote?.durationMs),
    upstreamMs: milliseconds(steps.upstream?.durationMs),
    encryptMs: milliseconds(steps.encrypt?.durationMs),
    promptTokens: usage?.promptTokens,
    completionTokens: usage?.completionTokens,
    totalTokens: usage?.totalTokens,
    stream: stream?.end,
    streamParts: stream?.parts,
    firstPartMs: milliseconds(stream?.firstPartMs),
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

const modelName = (name: string): string => printableLine(name.slice(0, MAX_MODEL_LENGTH))

const milliseconds = (duration: number | undefined): number | undefined =>
  duration === undefined ? undefined : Math.round(10 * duration) / 10
