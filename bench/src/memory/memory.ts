import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runChild } from '../harness/child-process.js'
import { interleave } from '../harness/interleave.js'
import type { RunContext } from '../harness/run-context.js'
import { startServers } from '../harness/servers.js'
import { mapValues, median } from '../harness/statistics.js'
import { chatRequest } from '../messages.js'
import type { MemoryInput, MemoryPeak } from './memory-child.js'

const ROUNDS = 5

/** Measures fresh processes, one after the other. */
export async function measureMemory(context: RunContext) {
  const { ours, plain, keyDir } = await startServers(context)
  // In the folder of the key, which is removed in the end.
  const requestPath = join(keyDir, 'request.json')
  await writeFile(requestPath, JSON.stringify(chatRequest('9 MB', 'ascii', 'nomyo/demo')))
  const run = (way: MemoryInput['way']) => async (): Promise<MemoryPeak> =>
    runChild('memory-child', { way, requestPath } satisfies MemoryInput)
  const tasks = {
    'call, ours': run({ name: 'call', baseUrl: ours, keyDir }),
    'call, plain fetch': run({ name: 'fetch', baseUrl: plain }),
    'seal + open, ours': run({ name: 'seal', contender: 'ours' }),
    'seal + open, naive': run({ name: 'seal', contender: 'naive' }),
    'seal + open, webcrypto': run({ name: 'seal', contender: 'webcrypto' }),
    'seal + open, jose': run({ name: 'seal', contender: 'jose' }),
    'seal + open, hpke': run({ name: 'seal', contender: 'hpke' }),
  }
  context.progress('peak memory, 9 MB')
  const rounds = context.quick ? 1 : ROUNDS
  const peaks = await interleave(tasks, rounds)
  return {
    rounds,
    payloadBytes: peaks['call, ours'][0]?.payloadBytes ?? Number.NaN,
    /** Median of the peak over the request object, as a multiple of the payload. */
    multiples: mapValues(peaks, (values) =>
      median(values.map(({ overBytes, payloadBytes }) => overBytes / payloadBytes)),
    ),
  }
}
