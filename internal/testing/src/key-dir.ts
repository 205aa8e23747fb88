import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyFile } from './vectors/index.js'

/**
 * Writes key files of the vectors into a folder, as a gateway expects them.
 *
 * @param files - file name to vector: `server` for `keys/server.private.pem`, or a name with `.pem`
 * @param folder - a new folder by default, which the caller removes
 */
export function makeKeyDir(
  files: Readonly<Record<string, string>> = { 'private_key.pem': 'server' },
  folder = mkdtempSync(join(tmpdir(), 'nomyo-keys-')),
): string {
  chmodSync(folder, 0o700)
  for (const [name, vector] of Object.entries(files)) {
    const path = vector.endsWith('.pem') ? vector : `${vector}.private.pem`
    writeFileSync(join(folder, name), keyFile(`keys/${path}`), { mode: 0o600 })
  }
  return folder
}
