import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SecurityError, importPublicKey } from '@nomyo/crypto'
import { loadKeyPair } from '@nomyo/crypto/keys/node'
import { systemCode } from '../files.js'

/** What may be known of a key pair by everybody. */
export interface KeyFacts {
  readonly dir: string
  readonly fingerprint: string
  readonly bits: number
  readonly encrypted: boolean
  /** Whether the two halves were held against each other. */
  readonly halves: string
  /** When the private key file was written, ISO 8601. */
  readonly written: string
  readonly warnings: readonly string[]
}

/**
 * The public facts about the keys of a folder. An encrypted private key is opened only with its
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
    halves: opened ? 'belongs to the public one' : 'not opened (give --password-file)',
    written: written.toISOString(),
    warnings,
  }
}

/** Whether a PEM text says that it is encrypted. */
export const isEncrypted = (pem: string): boolean =>
  pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')

/** A PEM file and when it was written. @throws SecurityError `ERR_KEY_FILE` */
export function readPem(path: string): { pem: string; written: Date } {
  try {
    const facts = statSync(path)
    if (facts.size > 64 * 1024) throw new SecurityError('ERR_KEY_FILE', `${path} is too large.`)
    return { pem: readFileSync(path, 'utf8'), written: facts.mtime }
  } catch (error) {
    if (error instanceof SecurityError) throw error
    throw new SecurityError('ERR_KEY_FILE', `${path} cannot be read (${systemCode(error)}).`)
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
