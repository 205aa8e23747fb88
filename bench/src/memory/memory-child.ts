// A fresh process, started with --expose-gc, that does one thing with a large request and tells how
// much memory it took at its peak.
import { plainCaller, sealedCaller } from '../call/callers.js'
import type { KeyPem } from '../key.js'
import { LINES, SIZES, chatRequest, type ChatRequest } from '../messages.js'
import type { ContenderName } from '../seal/contender.js'
import { CONTENDER_MAKERS } from '../seal/contenders/index.js'
import { checkOpened } from '../seal/verify.js'
import { startPeak } from './peak.js'

/** What the process is given. */
export type MemoryInput =
  | { readonly way: 'call'; readonly baseUrl: string; readonly keyDir: string }
  | { readonly way: 'fetch'; readonly baseUrl: string }
  | { readonly way: 'seal'; readonly contender: ContenderName; readonly pem: KeyPem }

/** What it found. */
export interface MemoryPeak {
  readonly payloadBytes: number
  /** Highest resident set over that with the request object, in bytes. */
  readonly overBytes: number
}

const work = await prepare(JSON.parse(process.argv[2] ?? '') as MemoryInput)
// Code is compiled and connections are made meanwhile.
await work(chatRequest('1 KB', 'ascii', 'nomyo/demo'))
// Made in one piece: a heap that has grown for garbage keeps the room, and would hide what comes.
const content = Buffer.alloc(SIZES['9 MB'], LINES.ascii).toString('latin1')
const request: ChatRequest = { model: 'nomyo/demo', messages: [{ role: 'user', content }] }
const peak = await startPeak()
await work(request)
const overBytes = peak.overBytes()
const payloadBytes = Buffer.byteLength(JSON.stringify(request))
process.send?.({ payloadBytes, overBytes } satisfies MemoryPeak)

async function prepare(input: MemoryInput): Promise<(request: ChatRequest) => Promise<void>> {
  if (input.way === 'seal') {
    const contender = await CONTENDER_MAKERS[input.contender](input.pem)
    const json = new Uint8Array()
    return async (value) => {
      const opened = await contender.open(await contender.seal({ value, json }))
      checkOpened(opened, { value, json }, contender.name)
    }
  }
  const { baseUrl } = input
  const caller = input.way === 'call' ? sealedCaller(baseUrl, input.keyDir) : plainCaller(baseUrl)
  return async (value) => {
    if (typeof (await caller.ask(value)) !== 'string') throw new Error('no answer')
  }
}
