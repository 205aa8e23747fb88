// A fresh process that makes one call and times it, from the first line of this file on.
import { loadSealedCaller, plainCaller } from '../call/callers.js'
import { childInput } from '../harness/child-process.js'
import { chatRequest, checkEcho } from '../messages.js'
import { monitorEventLoop } from './event-loop-monitor.js'

/** Input of the process. */
export interface ColdInput {
  readonly way: 'sealed' | 'fetch'
  readonly baseUrl: string
  /** Folder of a saved key; without one a key is generated. */
  readonly keyDir?: string
}

/** Result of the process, in milliseconds; `fetch` has neither import, constructor nor key. */
export type ColdTimes = Readonly<
  Record<
    | 'importMs'
    | 'constructorMs'
    // From the constructor until the reply key exists.
    | 'keyMs'
    // From the constructor until the answer arrives.
    | 'firstCompletionMs'
    // From the constructor on.
    | 'longestBlockMs',
    number
  >
>

const { way, ...options } = childInput<ColdInput>()
const request = chatRequest('1 KB', 'ascii')
const importedFrom = performance.now()
const callerOf = way === 'sealed' ? await loadSealedCaller() : plainCaller
const importMs = performance.now() - importedFrom
const loop = await monitorEventLoop()

let keyAt = Number.NaN
const startedAt = performance.now()
const caller = callerOf({
  ...options,
  onStep: ({ name }) => {
    if (name === 'reply-key') keyAt = performance.now()
  },
})
const constructedAt = performance.now()
const answer = await caller.ask(request)
const answeredAt = performance.now()

const longestBlockMs = loop.stop()
checkEcho(answer, request)
caller.close()
const times = { firstCompletionMs: answeredAt - startedAt, longestBlockMs }
const [constructorMs, keyMs] = [constructedAt - startedAt, keyAt - startedAt]
process.send?.(
  way === 'sealed'
    ? ({ importMs, constructorMs, keyMs, ...times } satisfies ColdTimes)
    : ({ importMs: 0, constructorMs: 0, keyMs: 0, ...times } satisfies ColdTimes),
)
