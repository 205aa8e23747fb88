import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Environment } from '@nomyo-internal/command-line'
import { errnoCode, ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { isLoopback } from '@nomyo-internal/http-server'

const TIMEOUT_MS = 10_000
const DAY_MS = 24 * 60 * 60 * 1000
/** Certificates are usually renewed long before this. */
const RENEWAL_DAYS = 14

/** Returns the variable that sends connections through a proxy; NO_PROXY exempts hosts. */
export function proxyVariable(url: URL, environment: Environment): string | undefined {
  const scheme = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy'
  const exempt = (environment['no_proxy'] ?? environment['NO_PROXY'] ?? '').split(/[\s,]+/)
  const isExempt = exempt.some(
    (host) =>
      host === '*' ||
      (host !== '' && url.hostname.endsWith(host.replace(/^\*?\.?/, '').replace(/:\d+$/, ''))),
  )
  // Connections to this machine never use one.
  if (isExempt || isLoopback(url.hostname)) return undefined
  return [scheme, scheme.toUpperCase()].find((name) => (environment[name] ?? '') !== '')
}

/** Checks that the host has addresses. */
export async function checkName(url: URL): Promise<Finding> {
  const host = hostOf(url)
  if (isIP(host) !== 0) return ok(`${host} is an IP address`)
  try {
    const addresses = await lookup(host, { all: true })
    const shown = addresses.slice(0, 3).map(({ address }) => address)
    return ok(`${host} is ${shown.join(', ')}`)
  } catch (error) {
    return problem(
      `${host} has no address (${errnoCode(error)})`,
      'check the URL for a typo; if there is none, check the network of this machine',
    )
  }
}

/** Checks that the port accepts connections. */
export async function checkTcp(url: URL): Promise<Finding> {
  const port = portOf(url)
  const socket = connect({ host: hostOf(url), port })
  try {
    await opened(socket, 'connect')
    return ok(`port ${port} is open`)
  } catch (error) {
    return problem(
      `port ${port} does not answer (${errnoCode(error)})`,
      'check that the gateway is running, that the port is right, and firewalls in between',
    )
  } finally {
    socket.destroy()
  }
}

/** Checks the certificate and its validity period. */
export async function checkTls(url: URL): Promise<Finding> {
  const host = hostOf(url)
  const servername = isIP(host) === 0 ? { servername: host } : {}
  const socket = connectTls({ host, port: portOf(url), ...servername })
  try {
    await opened(socket, 'secureConnect')
    return checkCertificate(socket)
  } catch (error) {
    const code = errnoCode(error)
    return problem(`the connection is not trusted (${code})`, remedyFor(code))
  } finally {
    socket.destroy()
  }
}

function checkCertificate(socket: TLSSocket): Finding {
  // A socket that is being closed has none.
  const { subject, valid_to: end } = socket.getPeerCertificate() as {
    subject?: { CN?: string | string[] }
    valid_to: string
  }
  const days = Math.floor((Date.parse(end) - Date.now()) / DAY_MS)
  const name = [subject?.CN ?? 'no name'].flat()[0] ?? ''
  const message = `${socket.getProtocol() ?? 'TLS'}, certificate of ${name}, for ${days} days`
  return days >= RENEWAL_DAYS ? ok(message) : warning(message, 'the operator should renew it')
}

function remedyFor(code: string): string {
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'use the name that the certificate is for'
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return 'check the clock of this machine; the operator should renew the certificate'
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return 'for a CA of your own, set NODE_EXTRA_CA_CERTS to the file of its certificate'
    default:
      return 'check that the gateway uses TLS on this port'
  }
}

async function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  await once(socket, event, { signal: timeout }).catch((error: unknown) => {
    throw timeout.aborted ? Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' }) : error
  })
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '')
const portOf = (url: URL): number =>
  url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
