import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { requireCallback, requireKey, requireOptions, requireText } from '../../arguments.js'
import type { SecurityError } from '../../errors.js'
import type { KeyPair } from '../../suite.js'
import { exportPrivateKey } from '../export.js'
import { generateKeyPair } from '../generate.js'
import { importPrivateKeyFile } from '../import.js'
import { createFile, createFolder } from './create-file.js'
import { MAX_KEY_FILE_BYTES, fileError, quoted, readTrustedFile } from './trusted-file.js'

/** The file names of the reference clients. */
const PRIVATE_KEY_FILE = 'private_key.pem'
const PUBLIC_KEY_FILE = 'public_key.pem'

/** Options for loading a key pair from a folder. */
export interface LoadKeyPairOptions {
  /** The password of an `ENCRYPTED PRIVATE KEY`. */
  password?: string
  /** Smallest key accepted, in bits; never below 2048, which is the default. */
  minBits?: number
  /** Number of envelopes opened at the same time. Default 1. */
  parallel?: number
  /** Receives problems that do not prevent loading, such as a private key that other users can read. */
  onWarning?: (message: string) => void
}

/** Options for loading a key pair from a folder, or generating one. */
export interface LoadOrCreateKeyPairOptions extends LoadKeyPairOptions {
  /** Called before a key is generated, which may take seconds. */
  onGenerate?: () => void
}

/**
 * Reads `private_key.pem` and, if it exists, `public_key.pem`, which must match.
 *
 * @throws SecurityError `ERR_KEY_FILE`, and the codes of `importPrivateKey`
 * @example
 * ```ts
 * import { loadKeyPair } from '@nomyo/crypto/keys/node'
 *
 * const { privateKey } = await loadKeyPair('keys', { password: 'correct horse battery staple' })
 * ```
 */
export async function loadKeyPair(
  folder: string,
  options: LoadKeyPairOptions = {},
): Promise<KeyPair> {
  const pair = await tryLoad(folder, options)
  if (pair !== undefined) return pair
  throw fileError(`${folder} holds no ${PRIVATE_KEY_FILE}.`)
}

/** Options for loading a key pair from files of any name. */
export interface LoadKeyFileOptions extends LoadKeyPairOptions {
  /** A public key that must belong to the private one. */
  publicKeyPath?: string
}

/**
 * Reads a private key file and derives its public key; a public key file, where given, must match.
 *
 * @throws SecurityError `ERR_KEY_FILE`, and the codes of `importPrivateKey`
 * @example
 * ```ts
 * import { loadKeyFile } from '@nomyo/crypto/keys/node'
 *
 * const { publicKey } = await loadKeyFile('server.pem', { publicKeyPath: 'server.pub.pem' })
 * ```
 */
export async function loadKeyFile(
  privateKeyPath: string,
  options: LoadKeyFileOptions = {},
): Promise<KeyPair> {
  requireText(privateKeyPath, 'privateKeyPath')
  requireOptions(options)
  const { publicKeyPath } = options
  const { pair, hasPublicKey } = await loadFiles(privateKeyPath, publicKeyPath, options)
  if (pair === undefined) throw fileError(`${privateKeyPath} does not exist.`)
  if (publicKeyPath !== undefined && !hasPublicKey) {
    throw fileError(`${publicKeyPath} does not exist.`)
  }
  return pair
}

/**
 * Writes a key pair to a folder, which is created (0700) if it does not exist. The private key file is
 * created with mode 0600 and appears whole or not at all. **Nothing is ever overwritten.**
 *
 * @throws SecurityError `ERR_KEY_FILE` when a key exists or the folder cannot be written,
 * `ERR_KEY_NOT_EXTRACTABLE`, `ERR_KEY_TYPE`, `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { generateKeyPair } from '@nomyo/crypto'
 * import { saveKeyPair } from '@nomyo/crypto/keys/node'
 *
 * await saveKeyPair('keys', await generateKeyPair({ extractable: true }))
 * ```
 */
export async function saveKeyPair(
  folder: string,
  pair: KeyPair,
  options: { password?: string } = {},
): Promise<void> {
  requireText(folder, 'folder')
  requireKey(pair, 'pair', 'privateKey')
  const privateKeyPem = await exportPrivateKey(pair.privateKey, options)
  await createFolder(folder)
  // A leftover public key contradicts the new private key, so it is found before anything is written.
  if (await exists(join(folder, PUBLIC_KEY_FILE))) throw alreadyThere(folder, PUBLIC_KEY_FILE)
  if (!(await createFile(folder, PRIVATE_KEY_FILE, privateKeyPem, 0o600))) {
    throw alreadyThere(folder, PRIVATE_KEY_FILE)
  }
  if (!(await createFile(folder, PUBLIC_KEY_FILE, pair.publicKey.pem, 0o644))) {
    throw alreadyThere(folder, PUBLIC_KEY_FILE)
  }
}

/**
 * Reads the key pair of a folder, or generates and saves one when the folder holds none. A key that
 * exists but cannot be read (wrong password, damaged file) is an error and is never replaced. Two
 * processes that start at the same time get the same key.
 *
 * @throws SecurityError `ERR_KEY_FILE`, and the codes of `importPrivateKey`
 * @example
 * ```ts
 * import { loadOrCreateKeyPair } from '@nomyo/crypto/keys/node'
 *
 * const { publicKey } = await loadOrCreateKeyPair('keys', { onWarning: console.warn })
 * ```
 */
export async function loadOrCreateKeyPair(
  folder: string,
  options: LoadOrCreateKeyPairOptions = {},
): Promise<KeyPair> {
  requireOptions(options)
  requireCallback(options.onGenerate, 'onGenerate')
  const existing = await tryLoad(folder, options)
  if (existing !== undefined) return existing
  options.onGenerate?.()
  const made = await generateKeyPair({ extractable: true })
  try {
    await saveKeyPair(
      folder,
      made,
      options.password === undefined ? {} : { password: options.password },
    )
  } catch (error) {
    // Another process was faster: its key counts.
    const winner = await tryLoad(folder, options)
    if (winner === undefined) throw error
    return winner
  } finally {
    made.privateKey.dispose()
  }
  return loadKeyPair(folder, options)
}

/** Returns the pair, or undefined when the folder holds no key. */
async function tryLoad(folder: string, options: LoadKeyPairOptions): Promise<KeyPair | undefined> {
  requireText(folder, 'folder')
  requireOptions(options)
  const { pair, hasPublicKey } = await loadFiles(
    join(folder, PRIVATE_KEY_FILE),
    join(folder, PUBLIC_KEY_FILE),
    options,
  )
  if (pair === undefined && hasPublicKey) {
    throw fileError(
      `${folder} holds a ${PUBLIC_KEY_FILE} but no ${PRIVATE_KEY_FILE}. Restore the private key, or ` +
        'move the public key away to generate a new pair.',
    )
  }
  return pair
}

/** Reads the files that exist; there is no pair without a private key. */
async function loadFiles(
  privateKeyPath: string,
  publicKeyPath: string | undefined,
  options: LoadKeyPairOptions,
): Promise<{ pair?: KeyPair; hasPublicKey: boolean }> {
  requireCallback(options.onWarning, 'onWarning')
  const limits = { maxBytes: MAX_KEY_FILE_BYTES }
  // In the opposite order of writing: a pair that is being written never appears as a public key alone.
  const publicKeyPem =
    publicKeyPath === undefined ? undefined : await readTrustedFile(publicKeyPath, limits)
  const privateKeyPem = await readTrustedFile(privateKeyPath, {
    ...limits,
    onForeignAccess: options.onWarning,
  })
  const hasPublicKey = publicKeyPem !== undefined
  if (privateKeyPem === undefined) return { hasPublicKey }
  const importOptions = { ...options, extractable: false, ...(hasPublicKey && { publicKeyPem }) }
  const pair = await importPrivateKeyFile(privateKeyPem, importOptions, quoted(privateKeyPath))
  return { pair, hasPublicKey }
}

/** Returns whether the name is taken, even by a dangling link. */
async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

const alreadyThere = (folder: string, name: string): SecurityError =>
  fileError(`${folder} already holds a ${name}; keys are never overwritten. Choose another folder.`)
