import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyFile } from './vectors/index.js'

/**
 * Creates a folder with key files of the vectors, as a gateway expects them. The caller removes it.
 *
 * @param files - file name to vector: `server` for `keys/server.private.pem`, or a name with `.pem`
 */
export function makeKeyDir(
  files: Readonly<Record<string, string>> = { 'private_key.pem': 'server' },
): string {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-keys-'))
  chmodSync(folder, 0o700)
  for (const [name, vector] of Object.entries(files)) {
    const path = vector.endsWith('.pem') ? vector : `${vector}.private.pem`
    writeFileSync(join(folder, name), keyFile(`keys/${path}`), { mode: 0o600 })
  }
  return folder
}
