import { platform } from '#platform'
import type { KeyPair } from '@nomyo/crypto'
import { InvalidRequestError } from '@nomyo/transport'
import {
  boolean,
  invalidOption,
  optional,
  password,
  path,
  readOptions,
  withDefault,
} from '../config/checks.js'
import type { Log } from '../config/log.js'
import type { KeyFiles } from '../platform/platform.js'
import type { Wire1 } from './wire-1.js'

/** Settings of {@link SecureCompletionClient.generateKeys}. */
export interface GenerateKeysOptions {
  /** Saves the pair, too. Node only. Default false. */
  saveToFile?: boolean | undefined
  /** Folder for the files; it must not hold keys yet. Default `client_keys`. */
  keyDir?: string | undefined
  /** Encrypts the private key file. */
  password?: string | undefined
}

/** Makes a key pair. */
export type MakeKeys = (wire1: Wire1) => Promise<KeyPair>

/**
 * Returns what generates a key pair as these options say.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`
 */
export function generatorOf(options: GenerateKeysOptions): MakeKeys {
  const { saveToFile, keyDir, ...file } = readOptions(options, {
    saveToFile: withDefault(boolean, false),
    keyDir: withDefault(path, 'client_keys'),
    password: optional(password),
  })
  if (file.password !== undefined && !saveToFile) {
    throw invalidOption('password', 'protects the saved file; give saveToFile too')
  }
  if (!saveToFile) return (wire1) => wire1.generateKeyPair()
  return () => keyFiles('saveToFile').create(keyDir, file.password)
}

/** The files of a key pair. */
export interface OwnKeyFiles {
  readonly privateKeyPath: string
  readonly publicKeyPath: string | undefined
  readonly password: string | undefined
}

/**
 * Returns what reads a key pair from these files.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`
 */
export function loaderOf(files: OwnKeyFiles, log: Log): MakeKeys {
  const given = readOptions(files, {
    privateKeyPath: { check: path },
    publicKeyPath: optional(path),
    password: optional(password),
  })
  return () =>
    keyFiles('loadKeys').load(
      given.privateKeyPath,
      given.publicKeyPath,
      given.password,
      (message) => {
        log.warn(message)
      },
    )
}

function keyFiles(option: string): KeyFiles {
  if (platform.keyFiles !== undefined) return platform.keyFiles
  throw new InvalidRequestError(
    'ERR_INVALID_OPTION',
    `${option} needs a file system; keys stay in memory here.`,
  )
}
