// A fresh process that does one thing with a large request and measures its peak memory.
import { readFileSync } from 'node:fs'
import { loadSealedCaller, plainCaller } from '../call/callers.js'
import { childInput } from '../harness/child-process.js'
import { readKey } from '../harness/run-context.js'
import { chatRequest, type ChatRequest } from '../messages.js'
import { checkOpened, type ContenderName } from '../seal/contender.js'
import { makeContenders } from '../seal/contenders/index.js'
import { watchPeakMemory } from './peak-memory.js'

/** Input of the process. */
export interface MemoryInput {
  /** A request of 9 MB as JSON. */
  readonly requestPath: string
  readonly way:
    | {
        readonly name: 'call'
        readonly baseUrl: string
        readonly wire: 1 | 2
        readonly keyDir: string
      }
    | { readonly name: 'fetch'; readonly baseUrl: string }
    | { readonly name: 'seal'; readonly contender: ContenderName }
}

/** Result of the process: peak resident set less the one that holds the request object. */
export type MemoryPeak = Readonly<Record<'payloadBytes' | 'overBytes', number>>

const { way, requestPath } = childInput<MemoryInput>()
const work = await prepare()
// Meanwhile code is compiled and connections are opened.
await work(chatRequest('1 KB', 'ascii', 'nomyo/demo'))
// Parsed, as by a proxy or a tool that stores conversations.
const request = JSON.parse(readFileSync(requestPath, 'utf8')) as ChatRequest
const readOverBytes = watchPeakMemory()
await work(request)
const overBytes = readOverBytes()
const payloadBytes = Buffer.byteLength(JSON.stringify(request))
process.send?.({ payloadBytes, overBytes } satisfies MemoryPeak)

async function prepare(): Promise<(request: ChatRequest) => Promise<void>> {
  if (way.name === 'seal') {
    const { [way.contender]: contender } = await makeContenders(readKey())
    const json = new Uint8Array()
    return async (value) => {
      const opened = await contender.open(await contender.seal({ value, json }))
      checkOpened(opened, { value, json }, contender.name)
    }
  }
  const { name, ...options } = way
  const caller = name === 'call' ? (await loadSealedCaller())(options) : plainCaller(options)
  return async (value) => {
    if (typeof (await caller.ask(value)) !== 'string') throw new Error('no answer')
  }
}
