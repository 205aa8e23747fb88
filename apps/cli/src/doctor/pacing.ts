import { ok, warning, type Finding } from '@nomyo-internal/diagnostics'
import { GATEWAY_PATH } from '@nomyo/crypto/wire-2'
import { createUndiciFetch } from '@nomyo/transport/undici'

/** Times of an answer of wire 2, in milliseconds since its request. */
export interface AnswerTimes {
  readonly firstByteMs: number
  readonly lastByteMs: number
}

/** By then a gateway has sent a sign of life: it does so after 15 seconds. */
const SIGN_OF_LIFE_MS = 16_000

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
      const { url } = new Request(input)
      if (response.body === null || !url.endsWith(GATEWAY_PATH)) return response
      const note = (): void => {
        const now = performance.now() - start
        times = { firstByteMs: times?.firstByteMs ?? now, lastByteMs: now }
      }
      const watched = response.body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform: (part, controller) => {
            note()
            controller.enqueue(part)
          },
        }),
      )
      return new Response(watched, { status: response.status, headers: response.headers })
    },
  }
}

/** Reports whether the path holds answers back, which only a slow answer shows. */
export function describePacing(times: AnswerTimes | undefined): Finding {
  if (times === undefined || times.lastByteMs < SIGN_OF_LIFE_MS) {
    return ok('buffering was not measured: the answer came before the first sign of life')
  }
  const [first, last] = [times.firstByteMs, times.lastByteMs].map((ms) => (ms / 1000).toFixed(1))
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
