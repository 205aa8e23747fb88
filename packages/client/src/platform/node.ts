import { generateKeyPair, type KeyPair } from '@nomyo/crypto'
import { loadKeyFile, loadKeyPair, loadOrCreateKeyPair, saveKeyPair } from '@nomyo/crypto/keys/node'
import { createUndiciFetch } from '@nomyo/transport/undici'
import { knownServersFile } from './known-servers-file.js'
import type { Platform } from './platform.js'

/** Node, Bun and Deno. */
export const platform: Platform = {
  variable: (name) => process.env[name],
  warn: (message) => {
    process.emitWarning(message, 'NomyoSecurityWarning')
  },
  debug: (message) => {
    process.stderr.write(`nomyo: ${message}\n`)
  },
  openConnections: () => createUndiciFetch(),
  // RFC 10036: intermediaries forward a message as it arrives. A page would need the server's permission.
  outerHeaders: { incremental: '?1' },
  keyFiles: {
    loadOrCreate: (folder, password, onWarning) =>
      loadOrCreateKeyPair(folder, { ...withPassword(password), onWarning }),
    create: createInFolder,
    load: (privateKeyPath, publicKeyPath, password, onWarning) =>
      loadKeyFile(privateKeyPath, {
        ...(publicKeyPath === undefined ? {} : { publicKeyPath }),
        ...withPassword(password),
        onWarning,
      }),
  },
  knownServersFile,
}

/** Reads the pair back from its files: that proves them readable and makes the key non-extractable. */
async function createInFolder(folder: string, password: string | undefined): Promise<KeyPair> {
  const made = await generateKeyPair({ extractable: true })
  await saveKeyPair(folder, made, withPassword(password))
  made.privateKey.dispose()
  return loadKeyPair(folder, withPassword(password))
}

const withPassword = (password: string | undefined): { password?: string } =>
  password === undefined ? {} : { password }
