import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GATEWAY_MAIN, startGatewayProcess } from '@nomyo-internal/testing/gateway-process'
import { makeKeyDir } from '@nomyo-internal/testing/key-dir'
import { freePort } from '@nomyo-internal/testing/network'
import { startChild } from './child-process.js'
import type { RunContext } from './run-context.js'

/** The program that users start: it sets the number of threads and their priority. */
const PROGRAM = join(GATEWAY_MAIN, '../../bin/nomyo-gateway.cjs')

export type BenchGateway = Awaited<ReturnType<typeof startGateway>>

/**
 * Starts the built gateway in a process of its own.
 *
 * @param before - words of the command line before Node, such as `taskset -c 0`
 * @param args - further options; without an engine among them it is the demo engine
 */
export async function startGateway(
  { stopLater }: RunContext,
  before: readonly string[] = [],
  args: readonly string[] = [],
) {
  const metricsPort = await freePort()
  const engine = args.some((arg) => arg.startsWith('--engine=')) ? [] : ['--engine=demo']
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-bench-'))
  stopLater({ stop: () => rmSync(folder, { recursive: true }) })
  const gateway = await startGatewayProcess({
    command: [...before, process.execPath, PROGRAM],
    args: [...engine, `--metrics-port=${metricsPort}`, ...args],
    // Reading a line of log per request takes time from the gateway on the same cores.
    within: `exec "$@" 2>'${join(folder, 'gateway.log')}'`,
  })
  stopLater(gateway)
  const metric = async (name: string): Promise<number> => {
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])
  }
  return {
    url: gateway.url,
    pid: gateway.pid,
    /** Returns the 99th percentile of its event-loop delay since the last call, in milliseconds. */
    loopDelayP99Ms: async () => 1000 * (await metric('nodejs_eventloop_lag_p99_seconds')),
    /** Returns the processor time that it has taken, in milliseconds. */
    cpuMs: async () => 1000 * (await metric('process_cpu_seconds_total')),
  }
}

/** Starts a gateway and a plain server that echoes too, and saves a key of a client. */
export async function startServers(context: RunContext) {
  const gateway = await startGateway(context)
  const plainServer = context.stopLater(startChild('plain-server'))
  const keyDir = makeKeyDir({ 'private_key.pem': 'client', 'public_key.pem': 'client.public.pem' })
  context.stopLater({ stop: () => rmSync(keyDir, { recursive: true }) })
  return {
    ours: gateway.url,
    plain: await plainServer.ask<string>(),
    keyDir,
  }
}
