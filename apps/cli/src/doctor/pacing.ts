import { ok, warning, type Finding } from '@nomyo-internal/diagnostics'
import { MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { createUndiciFetch } from '@nomyo/transport/undici'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { ChunkTimes } from './chunk-times.js'

/** Times of an answer of wire 2, in milliseconds since its request. */
export interface AnswerTimes {
  readonly firstByteMs: number
  readonly lastByteMs: number
  /** Of each chunk but the final one. */
  readonly chunksMs: readonly number[]
}

/** By then a gateway has sent a sign of life: it does so after 15 seconds. */
const SIGN_OF_LIFE_MS = 16_000
/** Fewer parts say nothing. */
const FEWEST_CHUNKS = 6
/** A gateway sends a part every 50 milliseconds at most, unless it is told otherwise. */
const TOGETHER_MS = 10

/** Creates a `fetch` that notes when the parts of an answer of wire 2 arrive. */
export function timedFetch(): {
  readonly fetch: typeof fetch
  readonly times: () => AnswerTimes | undefined
  readonly close: () => void
} {
  const connections = createUndiciFetch()
  let times: AnswerTimes | undefined
  return {
    times: () => times,
    close: () => void connections.close(),
    fetch: async (input, init) => {
      const start = performance.now()
      const response = await connections.fetch(input, init)
      const isSealed = response.headers.get('content-type') === MEDIA_TYPES.answer
      if (response.body === null || !isSealed) return response
      const chunks = new ChunkTimes()
      times = undefined
      const note = (part: Uint8Array): void => {
        const now = performance.now() - start
        chunks.note(part, now)
        const firstByteMs = times?.firstByteMs ?? now
        times = { firstByteMs, lastByteMs: now, chunksMs: chunks.completeMs }
      }
      const watched = response.body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform: (part, controller) => {
            note(part)
            controller.enqueue(part)
          },
        }),
      )
      return new Response(watched, { status: response.status, headers: response.headers })
    },
  }
}

/** Reports whether the path holds answers back, as far as the times of one answer show it. */
export function describePacing(times: AnswerTimes | undefined): Finding {
  if (times !== undefined && times.chunksMs.length >= FEWEST_CHUNKS) return describeStream(times)
  if (times === undefined || times.lastByteMs < SIGN_OF_LIFE_MS) {
    return ok('buffering was not measured: the answer had too few parts')
  }
  const [first, last] = [times.firstByteMs, times.lastByteMs].map(seconds)
  if (times.firstByteMs < SIGN_OF_LIFE_MS) {
    return ok(
      `the path does not buffer: the first byte came after ${first ?? ''} s of ${last ?? ''} s`,
    )
  }
  return warning(
    `the path buffers answers: the first byte came after ${first ?? ''} s of ${last ?? ''} s`,
    'turn off response buffering for this path; else connections may be closed as idle',
  )
}

/** Reports that nothing was measured, and what to type. */
export function describeUnmeasured(
  { gateway, model = 'MODEL' }: Pick<GatewaySettings, 'gateway' | 'model'>,
  isStreamed: boolean,
): Finding {
  if (!isStreamed) return ok('not measured: an answer of wire 1 arrives whole, not as a stream')
  return {
    ...ok('not measured: this takes one question to a model'),
    remedy: `nomyo doctor --gateway ${gateway} --chat ${model} asks it, and measures`,
  }
}

/** The parts of a stream leave the gateway one after the other. */
function describeStream({ chunksMs }: AnswerTimes): Finding {
  const gaps = chunksMs.slice(1).map((ms, at) => ms - (chunksMs[at] ?? ms))
  const together = gaps.filter((gap) => gap < TOGETHER_MS).length
  const [first = 0, last = 0] = [chunksMs[0], chunksMs.at(-1)]
  const parts = `${String(chunksMs.length)} parts of an answer`
  if (2 * together < gaps.length) {
    const longest = Math.round(Math.max(...gaps))
    return ok(
      `the path does not buffer: ${parts} came over ${seconds(last - first)} s, the first after ` +
        `${seconds(first)} s; longest pause ${String(longest)} ms`,
    )
  }
  return warning(
    `the path seems to buffer answers: of ${parts}, ${String(together)} came together with the one before`,
    'turn off response buffering for this path; a gateway with --stream-interval 0 and a quick model looks the same',
  )
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1)
