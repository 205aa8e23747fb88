import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
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

/**
 * Serves the files as they are now; existing connections continue unchanged.
 *
 * @throws GatewayError `ERR_TLS_FILES`; the previous files then stay in use
 */
export async function renewTls(server: Server, config: TlsConfig): Promise<void> {
  const files = await readTlsFiles(config)
  if (server instanceof TlsServer) server.setSecureContext(files)
}

function read(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    throw new GatewayError('ERR_TLS_FILES', `${path} cannot be read (${errnoCode(error)}).`)
  })
}
