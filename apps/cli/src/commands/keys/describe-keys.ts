import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SecurityError, importPublicKey, type KeyPair, type PublicKey } from '@nomyo/crypto'
import { loadKeyPair } from '@nomyo/crypto/keys/node'
import { errnoCode } from '@nomyo-internal/diagnostics'

/**
 * Reads the public facts about the keys of a folder. An encrypted private key is read only with its
 * password.
 *
 * @throws SecurityError `ERR_KEY_FILE` and those of reading keys
 */
export async function describeKeys(dir: string, password: { password?: string }) {
  const path = join(dir, 'private_key.pem')
  const warnings: string[] = []
  const { pem, written } = readPem(path)
  const encrypted = isEncrypted(pem)
  const opened = !encrypted || password.password !== undefined
  const onWarning = (warning: string): unknown => warnings.push(warning)
  const publicKey = opened
    ? publicHalf(await loadKeyPair(dir, { ...password, onWarning }))
    : await importPublicKey(readPem(join(dir, 'public_key.pem')).pem, { minBits: 2048 })
  return {
    dir,
    fingerprint: publicKey.fingerprint,
    bits: publicKey.bits,
    encrypted,
    /** Result of comparing the two halves. */
    halves: opened ? 'belongs to the public one' : 'not read (give --password-file)',
    /** Time at which the private key file was written. */
    written: written.toISOString(),
    warnings,
  }
}

/** Tells whether a PEM text is an encrypted private key. */
export const isEncrypted = (pem: string): boolean =>
  pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')

/** Reads a PEM file and the time at which it was written. @throws SecurityError `ERR_KEY_FILE` */
export function readPem(path: string): { pem: string; written: Date } {
  try {
    const facts = statSync(path)
    // A pipe of this name would block the command.
    if (!facts.isFile()) throw new SecurityError('ERR_KEY_FILE', `${path} is not a regular file.`)
    if (facts.size > 64 * 1024) throw new SecurityError('ERR_KEY_FILE', `${path} is too large.`)
    return { pem: readFileSync(path, 'utf8'), written: facts.mtime }
  } catch (error) {
    if (error instanceof SecurityError) throw error
    throw new SecurityError('ERR_KEY_FILE', `${path} cannot be read (${errnoCode(error)}).`)
  }
}

/** Disposes of the private half of a pair, and gives the public one. */
export function publicHalf({ privateKey, publicKey }: KeyPair): PublicKey {
  privateKey.dispose()
  return publicKey
}
