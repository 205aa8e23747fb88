import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** A gateway with the demo engine, in a process of its own. */
export interface BenchGateway {
  readonly url: string
  /** Returns the 99th percentile of its event-loop delay since the last call, in milliseconds. */
  loopDelayP99Ms(): Promise<number>
  stop(): Promise<void>
}

/**
 * Starts the built gateway.
 *
 * @param before - words of the command line before Node, such as `taskset -c 0`
 */
export async function startGateway(before: readonly string[] = []): Promise<BenchGateway> {
  const folder = dirname(createRequire(import.meta.url).resolve('@nomyo/gateway/package.json'))
  const args = ['--engine=demo', '--port=0', '--metrics-port=0', '--rate-limit=off']
  const command = [...before, process.execPath, join(folder, 'bin/nomyo-gateway.cjs'), ...args]
  // To a file: reading a line per request takes time from the gateway on the same cores.
  const folderOfLog = await mkdtemp(join(tmpdir(), 'nomyo-bench-'))
  const logPath = join(folderOfLog, 'gateway.log')
  const log = await open(logPath, 'w')
  const child = spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', log.fd, log.fd] })
  await log.close()
  let text = ''
  const found = (pattern: RegExp): string | undefined => pattern.exec(text)?.[1]
  while (found(/^listening on (\S+)$/m) === undefined) {
    if (child.exitCode !== null) throw new Error(`the gateway did not start: ${text}`)
    await setTimeout(20)
    text = await readFile(logPath, 'utf8')
  }
  const metricsUrl = found(/metrics on (\S+)/) ?? ''
  return {
    url: found(/^listening on (\S+)$/m) ?? '',
    loopDelayP99Ms: async () => {
      const metrics = await (await fetch(metricsUrl)).text()
      return 1000 * Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(metrics)?.[1])
    },
    stop: async () => {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
      await rm(folderOfLog, { recursive: true })
    },
  }
}
