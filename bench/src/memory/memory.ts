import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { interleave } from '../harness/interleave.js'
import { runChild, startChild } from '../harness/child-process.js'
import type { RunContext } from '../harness/run-context.js'
import { chatRequest } from '../messages.js'
import { saveKey } from '../harness/saved-key.js'
import { startGateway } from '../harness/gateway-process.js'
import { median } from '../harness/statistics.js'
import type { MemoryInput, MemoryPeak } from './memory-child.js'

/** Work done with the request of 9 MB. */
export type MemoryWay =
  | 'call, ours'
  | 'call, plain fetch'
  | 'seal + open, ours'
  | 'seal + open, naive'
  | 'seal + open, webcrypto'
  | 'seal + open, jose'
  | 'seal + open, hpke'

export interface MemoryResult {
  readonly rounds: number
  readonly payloadBytes: number
  /** Median of the peak over the request object, as a multiple of the payload. */
  readonly multiples: Readonly<Record<MemoryWay, number>>
}

const ROUNDS = 5

/** Measures fresh processes, one after the other. */
export async function measureMemory({ pem, progress, quick }: RunContext): Promise<MemoryResult> {
  const gateway = await startGateway()
  const plainServer = startChild('plain-server', null)
  const saved = await saveKey(pem)
  // In the folder of the key, which is removed in the end.
  const requestPath = join(saved.folder, 'request.json')
  await writeFile(requestPath, JSON.stringify(chatRequest('9 MB', 'ascii', 'nomyo/demo')))
  try {
    const plainUrl = await plainServer.ask<string>()
    const run = (way: MemoryInput['way']) => (): Promise<MemoryPeak> =>
      runChild('memory-child', { way, requestPath } satisfies MemoryInput)
    const seal = (contender: 'ours' | 'naive' | 'webcrypto' | 'jose' | 'hpke') =>
      run({ name: 'seal', contender, pem })
    progress('peak memory, 9 MB')
    const rounds = quick ? 1 : ROUNDS
    const peaks = await interleave<MemoryWay, MemoryPeak>(
      {
        'call, ours': run({ name: 'call', baseUrl: gateway.url, keyDir: saved.folder }),
        'call, plain fetch': run({ name: 'fetch', baseUrl: plainUrl }),
        'seal + open, ours': seal('ours'),
        'seal + open, naive': seal('naive'),
        'seal + open, webcrypto': seal('webcrypto'),
        'seal + open, jose': seal('jose'),
        'seal + open, hpke': seal('hpke'),
      },
      rounds,
    )
    const multiple = (way: MemoryWay): number =>
      median(peaks[way].map(({ overBytes, payloadBytes }) => overBytes / payloadBytes))
    const ways = Object.keys(peaks) as MemoryWay[]
    return {
      rounds,
      payloadBytes: peaks['call, ours'][0]?.payloadBytes ?? Number.NaN,
      multiples: Object.fromEntries(ways.map((way) => [way, multiple(way)])) as Record<
        MemoryWay,
        number
      >,
    }
  } finally {
    await saved.remove()
    await plainServer.stop()
    await gateway.stop()
  }
}
