import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate and its key, in PEM files. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/**
 * Makes a self-signed certificate in a folder, which is a CA as well. Needs openssl.
 *
 * @param alternativeName - such as `IP:127.0.0.1`
 */
export function makeCa(folder: string, name: string, alternativeName?: string): Certificate {
  const files = filesOf(folder, name)
  const names =
    alternativeName === undefined ? [] : ['-addext', `subjectAltName=${alternativeName}`]
  const where = ['-keyout', files.key, '-out', files.cert, '-subj', `/CN=${name}`]
  openssl(['req', '-x509', ...CURVE, '-days', '2', ...where, ...names])
  return files
}

/** Makes a certificate signed by a CA, for a subject alternative name such as `IP:127.0.0.1`. */
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

const filesOf = (folder: string, name: string): Certificate => ({
  cert: join(folder, `${name}.crt`),
  key: join(folder, `${name}.key`),
})

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' })
}
