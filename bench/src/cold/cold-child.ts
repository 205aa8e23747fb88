// A fresh process that makes one call and times it, from the first line of this file on.
import { loadSealedCaller, plainCaller } from '../call/callers.js'
import { childInput } from '../harness/child-process.js'
import { chatRequest, checkEcho } from '../messages.js'
import { monitorEventLoop } from './event-loop-monitor.js'

/** Input of the process. */
export interface ColdInput {
  readonly way: 'sealed' | 'fetch'
  readonly baseUrl: string
  readonly wire?: 1 | 2
  /** Folder of a saved key of wire 1; without one a key is generated. */
  readonly keyDir?: string
}

/** Result of the process; times in milliseconds, all but the first from the constructor on. */
export type ColdTimes = Readonly<
  Record<'importMs' | 'constructorMs' | 'keyMs' | 'firstCompletionMs' | 'longestBlockMs', number>
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
const isSealed = way === 'sealed'
process.send?.({
  importMs: isSealed ? importMs : 0,
  constructorMs: isSealed ? constructedAt - startedAt : 0,
  keyMs: isSealed ? keyAt - startedAt : 0,
  firstCompletionMs: answeredAt - startedAt,
  longestBlockMs,
} satisfies ColdTimes)
