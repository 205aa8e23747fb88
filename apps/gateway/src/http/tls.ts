import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { errnoCode } from '@nomyo-internal/diagnostics'
import type { TlsConfig } from '../config/config.js'
import { GatewayError } from '../errors.js'

/** A certificate and its private key, as PEM. */
export interface TlsFiles {
  readonly cert: Buffer
  readonly key: Buffer
}

/**
 * Reads a certificate and its private key, and checks that they belong together.
 *
 * @throws GatewayError `ERR_TLS_FILES`
 */
export async function readTlsFiles({ certFile, keyFile }: TlsConfig): Promise<TlsFiles> {
  const [cert, key] = await Promise.all([read(certFile), read(keyFile)])
  try {
    createSecureContext({ cert, key })
  } catch {
    throw new GatewayError(
      'ERR_TLS_FILES',
      `${certFile} and ${keyFile} are not a certificate and its private key, as PEM without a password.`,
    )
  }
  return { cert, key }
}

function read(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    throw new GatewayError('ERR_TLS_FILES', `${path} cannot be read (${errnoCode(error)}).`)
  })
}
