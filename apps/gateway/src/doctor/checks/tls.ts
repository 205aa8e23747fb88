import { X509Certificate } from 'node:crypto'
import { TlsFileError, readTlsFiles } from '../../http/tls.js'
import { lookAtAccess } from '../file-access.js'
import { ok, problem, warning, type Check, type Finding } from '../finding.js'

const DAY_MS = 86_400_000
/** What leaves time to renew it. */
const LEAST_DAYS = 30

/** The certificate, its key, and how long it lasts. */
export const tlsCheck: Check = {
  name: 'TLS',
  run: async ({ tls }) => {
    if (tls === undefined) return [ok('none: plain HTTP is served')]
    try {
      const { cert } = await readTlsFiles(tls)
      const access = await lookAtAccess(tls.keyFile, { mode: '600', secret: true })
      return [lookAtCertificate(new X509Certificate(cert)), ...access]
    } catch (error) {
      if (!(error instanceof TlsFileError)) throw error
      return [
        problem(
          `${error.message} (${error.code})`,
          'give a chain and the key of its first certificate, as PEM without a password',
        ),
      ]
    }
  },
}

function lookAtCertificate({
  subject,
  subjectAltName,
  validFrom,
  validTo,
}: X509Certificate): Finding {
  const names = subjectAltName ?? subject.replaceAll('\n', ', ')
  const days = Math.floor((Date.parse(validTo) - Date.now()) / DAY_MS)
  const renew = 'renew it; SIGHUP has a running gateway take up the new files'
  if (days < 0) return problem(`the certificate of ${names} has expired on ${validTo}`, renew)
  if (Date.parse(validFrom) > Date.now()) {
    return problem(
      `the certificate of ${names} is not valid before ${validFrom}`,
      'wait, or set the clock of this machine',
    )
  }
  if (days < LEAST_DAYS)
    return warning(`the certificate of ${names} expires in ${days} days`, renew)
  return ok(`the certificate of ${names} is good for ${days} days`)
}
