import { linkSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SecurityError, generateKeyPair } from '@nomyo/crypto'
import { loadKeyPair, saveKeyPair } from '@nomyo/crypto/keys/node'
import { UsageError } from '@nomyo-internal/command-line'
import { errnoCode } from '@nomyo-internal/diagnostics'
import { isEncrypted, publicHalf, readPem } from './describe-keys.js'

const NAMES = ['private_key.pem', 'public_key.pem'] as const

/**
 * Replaces the key pair of a folder. The old one is read first, so that a wrong password does not become
 * that of the new one. At every moment each key has some name in the folder.
 *
 * @returns the fingerprints of the new and of the previous key, and the folder of the previous pair
 * @throws UsageError where the new key would be less protected than the old one
 * @throws SecurityError `ERR_KEY_FILE` and those of reading keys
 */
export async function rotateKeys(dir: string, password: { password?: string }, now: Date) {
  if (password.password === undefined && isEncrypted(readPem(join(dir, NAMES[0])).pem)) {
    throw new UsageError(
      'the key is encrypted; give --password-file, and the new one gets the same password',
    )
  }
  const old = publicHalf(await loadKeyPair(dir, password)).fingerprint
  // One name for all processes: the one that creates the folder rotates.
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
    return { fingerprint: pair.publicKey.fingerprint, old, asideDir }
  } finally {
    // These are second names: the files keep their other ones.
    rmSync(newDir, { recursive: true, force: true })
  }
}

function makeDir(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    throw new SecurityError(
      'ERR_KEY_FILE',
      errnoCode(error) === 'EEXIST'
        ? `${path} exists: another rotation is in progress, or was interrupted. Check it, then remove it.`
        : `${path} cannot be created (${errnoCode(error)}).`,
    )
  }
}

/** Unlike a rename, a link never replaces another file. A public key may be missing. */
function copyName(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (errnoCode(error) === 'ENOENT' && from.endsWith(NAMES[1])) return
    throw new SecurityError('ERR_KEY_FILE', `${to} cannot be written (${errnoCode(error)}).`)
  }
}
