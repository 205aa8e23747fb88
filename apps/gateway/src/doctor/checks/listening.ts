import { once } from 'node:events'
import { createServer } from 'node:net'
import { errnoCode, ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { hostInUrl } from '@nomyo-internal/http-server'
import { importPublicKey } from '@nomyo/crypto'
import { newestFingerprint } from '../../commands/server-keys.js'
import type { GatewayConfig } from '../../config/config.js'
import { silentLogger } from '../../observability/log.js'
import { withStores } from '../../server-keys/open-stores.js'
import { httpGet } from '../http-get.js'
import type { Check } from '../check.js'

const TIMEOUT_MS = 3000
const MAX_BYTES = 64 * 1024

/** Checks that the ports are free, or that this gateway already listens there. */
export const listeningCheck: Check = {
  name: 'listening',
  run: async (config) => {
    const main = await checkPort(config)
    if (config.metrics === undefined) return [main]
    return [main, await checkMetricsPort(config.metrics, main.status === 'ok')]
  },
}

async function checkPort(config: GatewayConfig): Promise<Finding> {
  const { host, port } = config
  const failure = await tryToListen(host, port)
  if (failure === 'EADDRINUSE') return identifyListener(config)
  return describeAttempt(failure, host, port, '--port')
}

async function checkMetricsPort(
  { host, port }: { host: string; port: number },
  isGatewayRunning: boolean,
): Promise<Finding> {
  const failure = await tryToListen(host, port)
  if (failure === 'EADDRINUSE' && isGatewayRunning) {
    const metrics = await get(`http://${reachableHost(host)}:${port}/metrics`)
    if (metrics?.includes('nomyo_requests_total') === true) {
      return ok(`metrics of a running gateway are on ${host}:${port}`)
    }
  }
  return describeAttempt(failure, host, port, '--metrics-port')
}

/** Listens for a moment; returns the code of the error where that fails. */
async function tryToListen(host: string, port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    server.listen({ host, port })
    await once(server, 'listening')
    return undefined
  } catch (error) {
    return errnoCode(error)
  } finally {
    server.close()
  }
}

function describeAttempt(
  failure: string | undefined,
  host: string,
  port: number,
  flag: '--port' | '--metrics-port',
): Finding {
  const place = port === 0 ? `any port of ${host}` : `${host}:${port}`
  if (failure === undefined) return ok(`${place} is free`)
  const message = `cannot listen on ${place} (${failure})`
  if (failure === 'EADDRINUSE') {
    return problem(
      message,
      `stop the program that listens there, or choose another port with ${flag}`,
    )
  }
  if (failure === 'EACCES') {
    return problem(message, `choose a port above 1023 with ${flag}, or grant CAP_NET_BIND_SERVICE`)
  }
  const hostFlag = flag === '--port' ? '--host' : '--metrics-host'
  return problem(message, `set an address of this machine with ${hostFlag}`)
}

async function identifyListener(config: GatewayConfig): Promise<Finding> {
  const { host, port, keyDir, sharedKeys = false } = config
  const url = `${config.tls === undefined ? 'http' : 'https'}://${reachableHost(host)}:${port}`
  const startedAt = performance.now()
  const [health, pem] = await Promise.all([get(`${url}/health`), get(`${url}/pki/public_key`)])
  const ms = performance.now() - startedAt
  const fingerprint = pem === undefined ? undefined : await fingerprintOf(pem)
  if (health === undefined || fingerprint === undefined) {
    return describeAttempt('EADDRINUSE', host, port, '--port')
  }
  if (keyDir === undefined && !sharedKeys) {
    return warning(
      `a gateway already listens on ${host}:${port}; without --key-dir it cannot be identified`,
      'stop it before you start another one, or set --key-dir',
      ms,
    )
  }
  const own = await withStores(config, silentLogger, ({ serverKeys }) =>
    newestFingerprint(serverKeys),
  ).catch(() => undefined)
  if (own === fingerprint) return ok(`this gateway is running on ${host}:${port}`, ms)
  return problem(
    `the gateway on ${host}:${port} has the server key ${fingerprint}, not the one in ${keyDir ?? 'Redis'}`,
    'stop it, choose another --port, or point --key-dir (or --redis) at its keys',
    ms,
  )
}

/** Returns the body of a 200. Sends no secret, and the key in the response is compared. */
async function get(url: string): Promise<string | undefined> {
  const connect = { rejectUnauthorized: false }
  const options = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES, connect }
  const response = await httpGet(url, options).catch(() => undefined)
  return response?.status === 200 ? response.text : undefined
}

const fingerprintOf = (pem: string): Promise<string | undefined> =>
  importPublicKey(pem).then(
    ({ fingerprint }) => fingerprint,
    () => undefined,
  )

/** Host at which a listener is reached, also one on every address. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return hostInUrl(host === '::' ? '::1' : host)
}
