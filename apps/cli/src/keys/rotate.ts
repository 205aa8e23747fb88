import { linkSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SecurityError, generateKeyPair } from '@nomyo/crypto'
import { loadKeyPair, saveKeyPair } from '@nomyo/crypto/keys/node'
import { UsageError } from '../exit-codes.js'
import { systemCode } from '../files.js'
import { isEncrypted, readPem } from './show.js'

/** What a rotation did. */
export interface Rotation {
  /** Of the new key. */
  readonly fingerprint: string
  /** Of the one before. */
  readonly old: string
  /** Where that one is now. */
  readonly asideDir: string
}

const NAMES = ['private_key.pem', 'public_key.pem'] as const

/**
 * Replaces the key pair of a folder. The old one has to open first: a wrong password must not become
 * that of the new one. At every moment each key is under some name in the folder.
 *
 * @throws UsageError where the new key would be less protected than the old one
 * @throws SecurityError `ERR_KEY_FILE` and those of reading keys
 */
export async function rotateKeys(
  dir: string,
  password: { password?: string },
  now: Date,
): Promise<Rotation> {
  if (password.password === undefined && isEncrypted(readPem(join(dir, NAMES[0])).pem)) {
    throw new UsageError('the key is encrypted; give --password-file, the new one gets the same')
  }
  const old = await loadKeyPair(dir, password)
  old.privateKey.dispose()
  // One name for all: whoever makes it may rotate.
  const newDir = join(dir, '.new')
  makeDir(newDir)
  try {
    const pair = await generateKeyPair({ extractable: true })
    await saveKeyPair(newDir, pair, password)
    pair.privateKey.dispose()
    const asideDir = join(dir, `old-${now.toISOString().replaceAll(':', '-')}`)
    makeDir(asideDir)
    for (const name of NAMES) copyName(join(dir, name), join(asideDir, name))
    for (const name of [...NAMES].reverse()) rmSync(join(dir, name), { force: true })
    for (const name of NAMES) copyName(join(newDir, name), join(dir, name))
    return { fingerprint: pair.publicKey.fingerprint, old: old.publicKey.fingerprint, asideDir }
  } finally {
    // These are second names: what was put in its place stays.
    rmSync(newDir, { recursive: true, force: true })
  }
}

function makeDir(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    throw new SecurityError(
      'ERR_KEY_FILE',
      systemCode(error) === 'EEXIST'
        ? `${path} is there: another rotation is under way, or was broken off. Look into it, then remove it.`
        : `${path} cannot be made (${systemCode(error)}).`,
    )
  }
}

/** Unlike a renaming, a link never takes the place of another file. A public key need not be there. */
function copyName(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && from.endsWith(NAMES[1])) return
    throw new SecurityError('ERR_KEY_FILE', `${to} cannot be written (${systemCode(error)}).`)
  }
}
