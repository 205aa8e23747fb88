import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { TlsConfig } from '../config/config.js'

/** A certificate or its key that cannot be used. The message names files and holds nothing of them. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError'
  readonly code = 'ERR_TLS_FILES'
}

/** A certificate with its key, both as PEM. */
export interface TlsFiles {
  readonly cert: Buffer
  readonly key: Buffer
}

/**
 * Reads a certificate and its key, which must fit together.
 *
 * @throws TlsFileError
 */
export async function readTlsFiles({ certFile, keyFile }: TlsConfig): Promise<TlsFiles> {
  const [cert, key] = await Promise.all([certFile, keyFile].map(read))
  const files = { cert: cert ?? Buffer.alloc(0), key: key ?? Buffer.alloc(0) }
  try {
    createSecureContext(files)
  } catch {
    throw new TlsFileError(
      `${certFile} and ${keyFile} are no certificate with its key, as PEM without a password.`,
    )
  }
  return files
}

/**
 * Serves the files as they are now; connections there already go on as they began.
 *
 * @throws TlsFileError, and the files of before stay in use
 */
export async function renewTls(server: Server, config: TlsConfig): Promise<void> {
  const files = await readTlsFiles(config)
  if (server instanceof TlsServer) server.setSecureContext(files)
}

function read(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
    throw new TlsFileError(`${path} cannot be read (${code}).`)
  })
}
