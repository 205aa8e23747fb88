import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { systemCode } from '../files.js'
import type { Finding } from './finding.js'

const TIMEOUT_MS = 10_000
const DAY_MS = 24 * 60 * 60 * 1000
/** Certificates are usually renewed long before this. */
const RENEWAL_DAYS = 14

/** Whether the name has addresses. */
export async function examineName(url: URL): Promise<Finding> {
  const check = 'DNS'
  const host = hostOf(url)
  if (isIP(host) !== 0) return { check, status: 'ok', message: `${host} is an address` }
  const start = performance.now()
  try {
    const addresses = await lookup(host, { all: true })
    const shown = addresses.slice(0, 3).map(({ address }) => address)
    return { check, status: 'ok', message: `${host} is ${shown.join(', ')}`, ms: since(start) }
  } catch (error) {
    return {
      check,
      status: 'problem',
      message: `${host} has no address (${systemCode(error)})`,
      remedy: 'look for a typo in the URL; if there is none, look at the network of this machine',
      ms: since(start),
    }
  }
}

/** Whether somebody listens. */
export async function examineTcp(url: URL): Promise<Finding> {
  const check = 'TCP'
  const start = performance.now()
  const socket = connect({ host: hostOf(url), port: portOf(url) })
  try {
    await opened(socket, 'connect')
    return { check, status: 'ok', message: `port ${String(portOf(url))} is open`, ms: since(start) }
  } catch (error) {
    return {
      check,
      status: 'problem',
      message: `nobody answers at port ${String(portOf(url))} (${systemCode(error)})`,
      remedy: 'is the gateway running, is the port right, is a firewall in between?',
      ms: since(start),
    }
  } finally {
    socket.destroy()
  }
}

/** Whether the certificate holds, and for how long. */
export async function examineTls(url: URL): Promise<Finding> {
  const check = 'TLS'
  const start = performance.now()
  const host = hostOf(url)
  const socket = connectTls({
    host,
    port: portOf(url),
    ...(isIP(host) === 0 ? { servername: host } : {}),
  })
  try {
    await opened(socket, 'secureConnect')
    return { ...describe(socket), check, ms: since(start) }
  } catch (error) {
    return {
      check,
      status: 'problem',
      message: `the connection cannot be trusted (${systemCode(error)})`,
      remedy: remedyFor(systemCode(error)),
      ms: since(start),
    }
  } finally {
    socket.destroy()
  }
}

function describe(socket: TLSSocket): Omit<Finding, 'check'> {
  const { subject, valid_to: end } = socket.getPeerCertificate()
  const days = Math.floor((Date.parse(end) - Date.now()) / DAY_MS)
  const message = `${socket.getProtocol() ?? 'TLS'}, certificate of ${nameOf(subject)}, for ${String(days)} days`
  return days >= RENEWAL_DAYS
    ? { status: 'ok', message }
    : { status: 'warning', message, remedy: 'the operator should renew it' }
}

function nameOf(subject: { CN?: string | string[] } | undefined): string {
  const name = subject?.CN
  return (Array.isArray(name) ? name[0] : name) ?? 'no name'
}

function remedyFor(code: string): string {
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'the certificate is for another name: use the name it was made for'
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return 'the operator should renew the certificate; is the clock of this machine right?'
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return 'if it is of a CA of your own, name its file in NODE_EXTRA_CA_CERTS'
    default:
      return 'does the gateway speak TLS at this port?'
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
const since = (start: number): number => performance.now() - start
