import { once } from 'node:events'
import { createServer } from 'node:net'
import { importPublicKey } from '@nomyo/crypto'
import { Agent, request } from 'undici'
import type { GatewayConfig } from '../../config/config.js'
import { newestFingerprint, withStore } from '../../commands/server-keys.js'
import { ok, problem, warning, type Check, type Finding } from '../finding.js'
import { reasonOf } from '../reason.js'

const ANSWER_TIMEOUT_MS = 3000
const MAX_ANSWER_BYTES = 64 * 1024

/** Whether the ports can be listened on, and who is there if not. */
export const listeningCheck: Check = {
  name: 'listening',
  run: async (config) => {
    const main = await lookAtPort(config)
    if (config.metrics === undefined) return [main]
    return [main, await lookAtMetricsPort(config.metrics, main.status === 'ok')]
  },
}

async function lookAtPort(config: GatewayConfig): Promise<Finding> {
  const { host, port } = config
  const failure = await tryToListen(host, port)
  if (failure === 'EADDRINUSE') return whoIsThere(config)
  return findingOf(failure, host, port, '--port')
}

async function lookAtMetricsPort(
  { host, port }: { host: string; port: number },
  gatewayRuns: boolean,
): Promise<Finding> {
  const failure = await tryToListen(host, port)
  if (failure === 'EADDRINUSE' && gatewayRuns) {
    const answer = await ask(`http://${hostOf(host)}:${port}/metrics`)
    if (answer?.includes('nomyo_requests_total') === true) {
      return ok(`metrics of a running gateway are on ${host}:${port}`)
    }
  }
  return findingOf(failure, host, port, '--metrics-port')
}

/** Undefined when it can be done. Lets go at once. */
async function tryToListen(host: string, port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    server.listen({ host, port })
    await once(server, 'listening')
    return undefined
  } catch (error) {
    return reasonOf(error)
  } finally {
    server.close()
  }
}

function findingOf(
  failure: string | undefined,
  host: string,
  port: number,
  flag: '--port' | '--metrics-port',
): Finding {
  const place = port === 0 ? `any port of ${host}` : `${host}:${port}`
  if (failure === undefined) return ok(`${place} can be listened on`)
  const seen = `${place} cannot be listened on (${failure})`
  if (failure === 'EADDRINUSE') {
    return problem(seen, `end what is there, or choose another with ${flag}`)
  }
  if (failure === 'EACCES') {
    return problem(seen, `choose one above 1023 with ${flag}, or give CAP_NET_BIND_SERVICE`)
  }
  const hostFlag = flag === '--port' ? '--host' : '--metrics-host'
  return problem(seen, `give an address of this machine with ${hostFlag}`)
}

async function whoIsThere(config: GatewayConfig): Promise<Finding> {
  const { host, port, keyDir, sharedKeys = false } = config
  const url = `${config.tls === undefined ? 'http' : 'https'}://${hostOf(host)}:${port}`
  const startedAt = performance.now()
  const [health, pem] = await Promise.all([ask(`${url}/health`), ask(`${url}/pki/public_key`)])
  const ms = performance.now() - startedAt
  const served = pem === undefined ? undefined : await fingerprintOf(pem)
  if (health === undefined || served === undefined) {
    return findingOf('EADDRINUSE', host, port, '--port')
  }
  if (keyDir === undefined && !sharedKeys) {
    return warning(
      `a gateway is on ${host}:${port} already; without --key-dir nobody can tell whether it is this one`,
      'end it before another is started, or give --key-dir',
      ms,
    )
  }
  const own = await withStore(config, () => undefined, newestFingerprint).catch(() => undefined)
  if (own === served) return ok(`this gateway is running on ${host}:${port}`, ms)
  return problem(
    `a gateway with the key ${served} is on ${host}:${port}, which is not the key of ${keyDir ?? 'Redis'}`,
    'end it, choose another --port, or name the place of its keys',
    ms,
  )
}

/** The body of a 200, if there is one. Nothing secret is sent, and the key that comes is compared. */
async function ask(url: string): Promise<string | undefined> {
  const agent = new Agent({
    connect: { rejectUnauthorized: false },
    maxResponseSize: MAX_ANSWER_BYTES,
  })
  try {
    const { statusCode, body } = await request(url, {
      dispatcher: agent,
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    })
    return statusCode === 200 ? await body.text() : undefined
  } catch {
    return undefined
  } finally {
    await agent.destroy()
  }
}

async function fingerprintOf(pem: string): Promise<string | undefined> {
  try {
    return (await importPublicKey(pem)).fingerprint
  } catch {
    return undefined
  }
}

/** Where a listener on every address is found. */
function hostOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
