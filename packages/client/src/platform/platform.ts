import type { KeyPair } from '@nomyo/crypto'
import type { HttpTransportOptions } from '@nomyo/transport'
import type { KnownServersStore } from '../keys/known-servers.js'

/** The differences between Node and other runtimes. The `#platform` import selects one. */
export interface Platform {
  /** Reads a variable of the environment; undefined where there is no environment. */
  readonly variable: (name: string) => string | undefined
  /** Writes a warning when no logger is given. */
  readonly warn: (message: string) => void
  /** Writes a debug line when no logger is given. */
  readonly debug: (message: string) => void
  /** Opens the connections for requests when no `fetch` is given. */
  readonly openConnections: () => Connections
  /** Sent beside every encrypted request of wire 2. */
  readonly outerHeaders: Readonly<Record<string, string>>
  /** Key files; undefined where there is no file system. */
  readonly keyFiles: KeyFiles | undefined
  /** A known-servers file; undefined where there is no file system. */
  readonly knownServersFile: ((path: string) => KnownServersStore) | undefined
}

/** Connections for a transport, which uses the platform's `fetch` without them. */
export interface Connections extends Pick<HttpTransportOptions, 'fetch' | 'send'> {
  close(): Promise<void>
}

/** Access to key files. */
export interface KeyFiles {
  /** Loads the pair of a folder; generates and saves one where it is missing. */
  loadOrCreate(folder: string, password: string | undefined, warn: Warn): Promise<KeyPair>
  /** Generates a pair and saves it into a folder without one. */
  create(folder: string, password: string | undefined): Promise<KeyPair>
  /** Reads a private key file, and checks that the public one matches. */
  load(
    privatePath: string,
    publicPath: string | undefined,
    password: string | undefined,
    warn: Warn,
  ): Promise<KeyPair>
}

/** Receives problems that do not prevent the use of a file. */
type Warn = (message: string) => void
