import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SecurityError, importPublicKey } from '@nomyo/crypto'
import { loadKeyPair } from '@nomyo/crypto/keys/node'
import { errnoCode } from '@nomyo-internal/diagnostics'

/** Public facts about a key pair. */
export interface KeyFacts {
  readonly dir: string
  readonly fingerprint: string
  readonly bits: number
  readonly encrypted: boolean
  /** Result of comparing the two halves. */
  readonly halves: string
  /** Time at which the private key file was written, ISO 8601. */
  readonly written: string
  readonly warnings: readonly string[]
}

/**
 * Reads the public facts about the keys of a folder. An encrypted private key is read only with its
 * password.
 *
 * @throws SecurityError `ERR_KEY_FILE` and those of reading keys
 */
export async function describeKeys(
  dir: string,
  password: { password?: string },
): Promise<KeyFacts> {
  const path = join(dir, 'private_key.pem')
  const warnings: string[] = []
  const { pem, written } = readPem(path)
  const encrypted = isEncrypted(pem)
  const opened = !encrypted || password.password !== undefined
  const publicKey = opened
    ? await openPublicHalf(dir, password, (warning) => warnings.push(warning))
    : await importPublicKey(readPem(join(dir, 'public_key.pem')).pem, { minBits: 2048 })
  return {
    dir,
    fingerprint: publicKey.fingerprint,
    bits: publicKey.bits,
    encrypted,
    halves: opened ? 'belongs to the public one' : 'not read (give --password-file)',
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
    if (facts.size > 64 * 1024) throw new SecurityError('ERR_KEY_FILE', `${path} is too large.`)
    return { pem: readFileSync(path, 'utf8'), written: facts.mtime }
  } catch (error) {
    if (error instanceof SecurityError) throw error
    throw new SecurityError('ERR_KEY_FILE', `${path} cannot be read (${errnoCode(error)}).`)
  }
}

async function openPublicHalf(
  dir: string,
  password: { password?: string },
  onWarning: (warning: string) => void,
): Promise<{ fingerprint: string; bits: number }> {
  const { privateKey, publicKey } = await loadKeyPair(dir, { ...password, onWarning })
  privateKey.dispose()
  return publicKey
}
