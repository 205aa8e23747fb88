// A fresh process that does one thing with a large request and measures its peak memory.
import { readFileSync } from 'node:fs'
import { plainCaller, sealedCaller } from '../call/callers.js'
import type { KeyPem } from '../harness/run-context.js'
import { chatRequest, type ChatRequest } from '../messages.js'
import type { ContenderName } from '../seal/contender.js'
import { CONTENDER_MAKERS } from '../seal/contenders/index.js'
import { checkOpened } from '../seal/verify.js'
import { watchPeakMemory } from './peak-memory.js'

/** Input of the process. */
export interface MemoryInput {
  /** A request of 9 MB as JSON. */
  readonly requestPath: string
  readonly way:
    | { readonly name: 'call'; readonly baseUrl: string; readonly keyDir: string }
    | { readonly name: 'fetch'; readonly baseUrl: string }
    | { readonly name: 'seal'; readonly contender: ContenderName; readonly pem: KeyPem }
}

/** Result of the process. */
export interface MemoryPeak {
  readonly payloadBytes: number
  /** Peak resident set less the one that holds the request object, in bytes. */
  readonly overBytes: number
}

const { way, requestPath } = JSON.parse(process.argv[2] ?? '') as MemoryInput
const work = await prepare(way)
// Meanwhile code is compiled and connections are opened.
await work(chatRequest('1 KB', 'ascii', 'nomyo/demo'))
// Parsed, as by a proxy or a tool that stores conversations.
const request = JSON.parse(readFileSync(requestPath, 'utf8')) as ChatRequest
const peak = watchPeakMemory()
await work(request)
const overBytes = peak.overBytes()
const payloadBytes = Buffer.byteLength(JSON.stringify(request))
process.send?.({ payloadBytes, overBytes } satisfies MemoryPeak)

async function prepare(
  input: MemoryInput['way'],
): Promise<(request: ChatRequest) => Promise<void>> {
  if (input.name === 'seal') {
    const contender = await CONTENDER_MAKERS[input.contender](input.pem)
    const json = new Uint8Array()
    return async (value) => {
      const opened = await contender.open(await contender.seal({ value, json }))
      checkOpened(opened, { value, json }, contender.name)
    }
  }
  const { baseUrl } = input
  const caller = input.name === 'call' ? sealedCaller(baseUrl, input.keyDir) : plainCaller(baseUrl)
  return async (value) => {
    if (typeof (await caller.ask(value)) !== 'string') throw new Error('no answer')
  }
}
