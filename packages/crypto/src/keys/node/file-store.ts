import { constants } from 'node:fs'
import { link, lstat, mkdir, open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { SecurityError } from '../../errors.js'
import type { KeyPair } from '../../suite.js'
import { exportPrivateKey } from '../export.js'
import { generateKeyPair } from '../generate.js'
import { importPrivateKey } from '../import.js'

/** The names the reference clients use. */
const PRIVATE_KEY_FILE = 'private_key.pem'
const PUBLIC_KEY_FILE = 'public_key.pem'
const MAX_FILE_BYTES = 16 * 1024
/** Readable or writable by anybody but the owner. */
const FOREIGN_ACCESS = 0o077

/** How to find a key pair in a folder. */
export interface LoadKeyPairOptions {
  /** Of an `ENCRYPTED PRIVATE KEY`. */
  password?: string
  /** Smallest key accepted, in bits; never below 2048, which is the default. */
  minBits?: number
  /** How many envelopes are opened with it at the same time. Default 1. */
  parallel?: number
  /** Told of what is wrong but no reason to stop, such as a private key other users may read. */
  onWarning?: (message: string) => void
}

/** How to find a key pair in a folder, or make one. */
export interface LoadOrCreateKeyPairOptions extends LoadKeyPairOptions {
  /** Called before a key is made, which may take seconds. */
  onGenerate?: () => void
}

/**
 * Reads `private_key.pem` and, when there, `public_key.pem`, which must match.
 *
 * @throws SecurityError `ERR_KEY_FILE` and those of {@link importPrivateKey}
 */
export async function loadKeyPair(
  folder: string,
  options: LoadKeyPairOptions = {},
): Promise<KeyPair> {
  const pair = await tryLoad(folder, options)
  if (pair !== undefined) return pair
  throw fileError(`There is no ${PRIVATE_KEY_FILE} in ${folder}.`)
}

/** How to find a key pair in files of any name. */
export interface LoadKeyFileOptions extends LoadKeyPairOptions {
  /** A public key that must belong to the private one. */
  publicKeyPath?: string
}

/**
 * Reads a private key file and derives its public key; a public key file, when named, must match.
 *
 * @throws SecurityError `ERR_KEY_FILE` and those of {@link importPrivateKey}
 */
export async function loadKeyFile(
  privateKeyPath: string,
  options: LoadKeyFileOptions = {},
): Promise<KeyPair> {
  const { publicKeyPath } = options
  const files = await readKeyFiles(privateKeyPath, publicKeyPath, options)
  if (files.privateKeyPem === undefined) throw fileError(`There is no ${privateKeyPath}.`)
  if (publicKeyPath !== undefined && files.publicKeyPem === undefined) {
    throw fileError(`There is no ${publicKeyPath}.`)
  }
  return importFiles(files.privateKeyPem, files.publicKeyPem, options)
}

/**
 * Writes a key pair into a folder, which is made (0700) if need be. The private key file is born
 * with mode 0600 and appears whole or not at all. **Nothing is ever overwritten.**
 *
 * @throws SecurityError `ERR_KEY_FILE` when a key is there already or the folder cannot be written,
 * `ERR_KEY_NOT_EXTRACTABLE`
 */
export async function saveKeyPair(
  folder: string,
  pair: KeyPair,
  options: { password?: string } = {},
): Promise<void> {
  const privateKeyPem = await exportPrivateKey(pair.privateKey, options)
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw fileError(`The folder ${folder} cannot be made (${reason(error)}).`)
  })
  // A leftover public key would contradict the new private key: found before anything is written.
  if (await exists(join(folder, PUBLIC_KEY_FILE))) throw alreadyThere(folder, PUBLIC_KEY_FILE)
  if (!(await createFile(folder, PRIVATE_KEY_FILE, privateKeyPem, 0o600))) {
    throw alreadyThere(folder, PRIVATE_KEY_FILE)
  }
  if (!(await createFile(folder, PUBLIC_KEY_FILE, pair.publicKey.pem, 0o644))) {
    throw alreadyThere(folder, PUBLIC_KEY_FILE)
  }
}

/**
 * Reads the key pair of a folder, or makes and saves one when the folder holds none. A key that is
 * there but cannot be read (wrong password, damaged file) is an error, never a reason to make another.
 * Where two processes start at once, both end up with the same key.
 *
 * @throws SecurityError `ERR_KEY_FILE` and those of {@link importPrivateKey}
 */
export async function loadOrCreateKeyPair(
  folder: string,
  options: LoadOrCreateKeyPairOptions = {},
): Promise<KeyPair> {
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
    // Another process was quicker: its key is the one.
    const winner = await tryLoad(folder, options)
    if (winner === undefined) throw error
    return winner
  } finally {
    made.privateKey.dispose()
  }
  return loadKeyPair(folder, options)
}

/** The pair, or undefined when the folder holds no key at all. */
async function tryLoad(folder: string, options: LoadKeyPairOptions): Promise<KeyPair | undefined> {
  const { privateKeyPem, publicKeyPem } = await readKeyFiles(
    join(folder, PRIVATE_KEY_FILE),
    join(folder, PUBLIC_KEY_FILE),
    options,
  )
  if (privateKeyPem === undefined) {
    if (publicKeyPem === undefined) return undefined
    throw fileError(
      `${folder} holds a ${PUBLIC_KEY_FILE} but no ${PRIVATE_KEY_FILE}. Put the private key back, or ` +
        'move the public key away to have a new pair made.',
    )
  }
  return importFiles(privateKeyPem, publicKeyPem, options)
}

async function readKeyFiles(
  privateKeyPath: string,
  publicKeyPath: string | undefined,
  { onWarning }: LoadKeyPairOptions,
): Promise<{ privateKeyPem: string | undefined; publicKeyPem: string | undefined }> {
  // In the opposite order of writing: a pair being made meanwhile never shows as a public key alone.
  const publicKeyPem = publicKeyPath === undefined ? undefined : await readKeyFile(publicKeyPath)
  const privateKeyPem = await readKeyFile(privateKeyPath, (mode) => {
    if (process.platform === 'win32' || (mode & FOREIGN_ACCESS) === 0) return
    onWarning?.(
      `${privateKeyPath} can be accessed by other users of this machine; run: chmod 600 on it.`,
    )
  })
  return { privateKeyPem, publicKeyPem }
}

function importFiles(
  privateKeyPem: string,
  publicKeyPem: string | undefined,
  { password, minBits, parallel }: LoadKeyPairOptions,
): Promise<KeyPair> {
  return importPrivateKey(privateKeyPem, {
    ...(password === undefined ? {} : { password }),
    ...(minBits === undefined ? {} : { minBits }),
    ...(parallel === undefined ? {} : { parallel }),
    ...(publicKeyPem === undefined ? {} : { publicKeyPem }),
  })
}

/** The text of a key file, or undefined when there is none. */
async function readKeyFile(
  path: string,
  checkMode?: (mode: number) => void,
): Promise<string | undefined> {
  let file: FileHandle | undefined
  try {
    // Not blocking, so that a pipe under this name cannot hang the process.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const { size, mode } = await regularFile(file, path)
    if (size > MAX_FILE_BYTES) {
      throw new SecurityError('ERR_KEY_LIMIT', `${path} is too large to be a key.`)
    }
    checkMode?.(mode)
    return await file.readFile('utf8')
  } catch (error) {
    if (error instanceof SecurityError) throw error
    if (reason(error) === 'ENOENT') return undefined
    throw fileError(`${path} cannot be read (${reason(error)}).`)
  } finally {
    await file?.close()
  }
}

async function regularFile(
  file: FileHandle,
  path: string,
): Promise<{ size: number; mode: number }> {
  const facts = await file.stat()
  if (!facts.isFile()) throw fileError(`${path} is not a regular file.`)
  return facts
}

/**
 * Makes a file that appears under its name complete and with its final mode, or not at all: written
 * under a temporary name, flushed, then linked. False when the name is taken.
 */
async function createFile(
  folder: string,
  name: string,
  text: string,
  mode: number,
): Promise<boolean> {
  const path = join(folder, name)
  const temporaryPath = join(folder, `.${name}.${crypto.randomUUID()}`)
  try {
    const file = await open(temporaryPath, 'wx', mode)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(temporaryPath, path)
    return true
  } catch (error) {
    if (reason(error) === 'EEXIST') return false
    throw fileError(`${path} cannot be written (${reason(error)}).`)
  } finally {
    await rm(temporaryPath, { force: true }).catch(() => undefined)
  }
}

/** Whether the name is taken, be it by a link that leads nowhere. */
async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/** The system's short name for a failure: it says enough, and quotes nothing. */
function reason(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown reason'
}

const fileError = (message: string): SecurityError => new SecurityError('ERR_KEY_FILE', message)

const alreadyThere = (folder: string, name: string): SecurityError =>
  fileError(`${folder} already holds a ${name}; keys are never overwritten. Choose another folder.`)
