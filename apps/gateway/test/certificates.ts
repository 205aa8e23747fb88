import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Whether certificates can be made: tests that want some are skipped where they cannot. */
export const opensslFound = isOpensslInstalled()

/** A certificate and its key, in PEM files. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** A CA of its own in a folder. */
export function makeCa(folder: string, name: string): Certificate {
  const files = filesOf(folder, name)
  openssl(['req', '-x509', ...CURVE, '-days', '2', ...out(files), '-subj', `/CN=${name}`])
  return files
}

/** A certificate by a CA, for a subject alternative name such as `IP:127.0.0.1`. */
export function makeCertificate(
  folder: string,
  name: string,
  { ca, for: alternativeName, days = 60 }: { ca: Certificate; for: string; days?: number },
): Certificate {
  const files = filesOf(folder, name)
  const [request, extensions] = [join(folder, `${name}.csr`), join(folder, `${name}.ext`)]
  writeFileSync(extensions, `subjectAltName=${alternativeName}\n`)
  openssl(['req', ...CURVE, '-keyout', files.key, '-out', request, '-subj', `/CN=${name}`])
  openssl([
    ...['x509', '-req', '-in', request, '-CA', ca.cert, '-CAkey', ca.key, '-CAcreateserial'],
    ...['-days', String(days), '-extfile', extensions, '-out', files.cert],
  ])
  return files
}

/** A model server behind TLS on loopback; counts the completions it was asked for. */
export interface TlsUpstream {
  readonly port: number
  readonly completions: () => number
  close(): void
}

export async function startTlsUpstream(
  files: Certificate,
  answer: (response: ServerResponse) => void = (response) => response.end('{"data":[]}'),
): Promise<TlsUpstream> {
  let completions = 0
  const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)])
  const server = createServer({ cert, key }, (request, response) => {
    if (request.url === '/v1/chat/completions') completions++
    request.resume().on('end', () => answer(response))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    completions: () => completions,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const filesOf = (folder: string, name: string): Certificate => ({
  cert: join(folder, `${name}.crt`),
  key: join(folder, `${name}.key`),
})

const out = ({ cert, key }: Certificate): string[] => ['-keyout', key, '-out', cert]

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' })
}

function isOpensslInstalled(): boolean {
  try {
    openssl(['version'])
    return true
  } catch {
    return false
  }
}
