import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { errnoCode } from '@nomyo-internal/diagnostics'
import { GatewayError } from '../../errors.js'

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * Reads the certificates of the CAs that an upstream is trusted by, as PEM.
 *
 * @throws GatewayError `ERR_CA_FILE`
 */
export function readCaFile(path: string): readonly string[] {
  const certificates = [...(read(path).match(BLOCK) ?? [])]
  // TLS would ignore anything else and then trust no server.
  if (certificates.length > 0 && certificates.every(isCertificate)) return certificates
  throw new GatewayError('ERR_CA_FILE', `${path} contains no CA certificates in PEM.`)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new GatewayError('ERR_CA_FILE', `${path} cannot be read (${errnoCode(error)}).`)
  }
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem)
    return true
  } catch {
    return false
  }
}
