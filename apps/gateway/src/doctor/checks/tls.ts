import { X509Certificate } from 'node:crypto'
import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { readTlsFiles } from '../../http/tls.js'
import { checkAccess } from '../file-access.js'
import type { Check } from '../check.js'
import { GatewayError } from '../../errors.js'

const DAY_MS = 86_400_000
/** Time to renew a certificate. */
const MIN_DAYS = 30

/** Checks the certificate, its key, and its validity period. */
export const tlsCheck: Check = {
  name: 'TLS',
  run: async ({ tls }) => {
    if (tls === undefined) return [ok('none: plain HTTP is served')]
    try {
      const { cert } = await readTlsFiles(tls)
      const access = await checkAccess(tls.keyFile, { mode: '600', secret: true })
      return [checkCertificate(new X509Certificate(cert)), ...access]
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      const remedy = 'set a chain and the key of its first certificate, as PEM without a password'
      return [problem(`${error.message} (${error.code})`, remedy)]
    }
  },
}

function checkCertificate(certificate: X509Certificate): Finding {
  const { subject, subjectAltName, validFrom, validTo } = certificate
  const name = `the certificate of ${subjectAltName ?? subject}`
  const days = Math.floor((Date.parse(validTo) - Date.now()) / DAY_MS)
  const renew = 'renew it; SIGHUP makes a running gateway load the new files'
  if (days < 0) return problem(`${name} expired on ${validTo}`, renew)
  if (Date.parse(validFrom) > Date.now()) {
    return problem(`${name} is not valid before ${validFrom}`, 'wait, or correct the clock')
  }
  if (days < MIN_DAYS) return warning(`${name} expires in ${days} days`, renew)
  return ok(`${name} is valid for ${days} days`)
}
