import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** A file of CA certificates that cannot be used. The message names the file and holds nothing of it. */
export class CaFileError extends Error {
  override readonly name = 'CaFileError'
  readonly code = 'ERR_CA_FILE'
}

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * Certificates of the CAs an upstream is believed by, as PEM: one or several.
 *
 * @throws CaFileError `ERR_CA_FILE`
 */
export function readCaFile(path: string): readonly string[] {
  const certificates = [...(read(path).match(BLOCK) ?? [])]
  // TLS would pass over what is no certificate, and then believe nobody.
  if (certificates.length > 0 && certificates.every(isCertificate)) return certificates
  throw new CaFileError(`${path} holds no CA certificates as PEM.`)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
    throw new CaFileError(`${path} cannot be read (${code}).`)
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
