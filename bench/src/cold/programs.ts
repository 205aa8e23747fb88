import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { GATEWAY_MAIN } from '@nomyo-internal/testing/gateway-process'
import { interleave } from '../harness/interleave.js'
import type { RunContext } from '../harness/run-context.js'
import { mapValues, median, timeMs } from '../harness/statistics.js'

const ROUNDS = 15

const APPS = join(GATEWAY_MAIN, '../../..')
/** Arguments of Node by program, as users start them; `node` runs nothing. */
const PROGRAMS = {
  nomyo: [join(APPS, 'cli/bin/nomyo.js'), '--help'],
  'nomyo-proxy': [join(APPS, 'proxy/bin/nomyo-proxy.js'), '--help'],
  'nomyo-gateway': [join(APPS, 'gateway/bin/nomyo-gateway.cjs'), '--help'],
  node: ['--eval', ''],
} as const

/** Times `--help` of the programs, from the start of a process to its end. */
export async function measurePrograms({ progress, quick }: RunContext) {
  progress('programs: --help')
  const run = promisify(execFile)
  const tasks = mapValues(PROGRAMS, (args) => () => timeMs(() => run(process.execPath, args)))
  // The system reads the files from memory from then on.
  await interleave(tasks, 1)
  const rounds = quick ? 3 : ROUNDS
  return { rounds, helpMs: mapValues(await interleave(tasks, rounds), median) }
}
