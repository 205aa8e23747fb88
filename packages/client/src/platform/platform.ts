import type { KeyPair } from '@nomyo/crypto'
import type { HttpTransportOptions } from '@nomyo/transport'
import type { KnownServersStore } from '../keys/known-servers.js'

/** What differs between Node and everything else, in one place. Chosen by the `#platform` import. */
export interface Platform {
  /** A variable of the environment; undefined where there is none to read. */
  readonly variable: (name: string) => string | undefined
  /** Where warnings go when no logger is given. */
  readonly warn: (message: string) => void
  /** Where debug lines go when no logger is given. */
  readonly debug: (message: string) => void
  /** What requests go over when no `fetch` is given, with connections of its own where it has any. */
  readonly openConnections: () => Connections
  /** Key files; undefined where there is no file system. */
  readonly keyFiles: KeyFiles | undefined
  /** A known-servers file; undefined where there is no file system. */
  readonly knownServersFile: ((path: string) => KnownServersStore) | undefined
}

/** What a transport takes; without either it uses the platform's own `fetch`. */
export interface Connections extends Pick<HttpTransportOptions, 'fetch' | 'send'> {
  close(): Promise<void>
}

/** Key files as the client needs them. */
export interface KeyFiles {
  /** The pair of a folder, made and saved when there is none. */
  loadOrCreate(folder: string, password: string | undefined): Promise<KeyPair>
  /** Makes a pair and saves it into a folder that holds none. */
  create(folder: string, password: string | undefined): Promise<KeyPair>
  /** Reads a private key file, and holds a public one against it. */
  load(
    privatePath: string,
    publicPath: string | undefined,
    password: string | undefined,
  ): Promise<KeyPair>
}
