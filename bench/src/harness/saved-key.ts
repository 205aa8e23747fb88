import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importPrivateKey } from '@nomyo/crypto'
import { saveKeyPair } from '@nomyo/crypto/keys/node'
import type { KeyPem } from './run-context.js'

/** A folder for `keyDir` with the key inside. */
export interface SavedKey {
  readonly folder: string
  remove(): Promise<void>
}

export async function saveKey(pem: KeyPem): Promise<SavedKey> {
  const parent = await mkdtemp(join(tmpdir(), 'nomyo-bench-'))
  const folder = join(parent, 'keys')
  await saveKeyPair(folder, await importPrivateKey(pem.privateKey, { extractable: true }))
  return { folder, remove: () => rm(parent, { recursive: true, force: true }) }
}
