import { attestSuite, type AttestLibraries, type AttestVectors } from './attest.js'
import type { Suite } from './case.js'
import { clientSuite, type ClientLibraries } from './client.js'
import { clientWire2Suite } from './client-wire-2.js'
import { cryptoSuite, type CryptoLibrary, type CryptoVectors } from './crypto.js'
import { filesSuite, type FileSystem } from './files.js'
import type { Loopback } from '../loopback.js'
import { transportSuite, type TransportLibrary } from './transport.js'
import { wire2Suite, type Wire2Libraries, type Wire2Vectors } from './wire-2.js'

/** The built packages under test, as a runtime or its bundler resolved them. */
export interface Libraries extends AttestLibraries, ClientLibraries, Wire2Libraries {
  readonly crypto: CryptoLibrary
  readonly transport: TransportLibrary
}

/** Input of the suites, as plain JSON. */
export interface Settings {
  readonly vectors: {
    readonly crypto: CryptoVectors
    readonly attest: AttestVectors
    readonly wire2: Wire2Vectors
  }
  readonly loopback: Loopback
}

/**
 * Everything the packages must do in every runtime. Needs nothing but its parameters: no test
 * framework, no file system, nothing of Node.
 *
 * @param files - where the runtime has files; without it, options that name files must be refused
 */
export function allSuites(
  libraries: Libraries,
  { vectors, loopback }: Settings,
  files?: FileSystem,
): Suite[] {
  const { crypto, client } = libraries
  return [
    cryptoSuite(crypto, vectors.crypto),
    attestSuite(libraries, vectors.attest),
    wire2Suite(libraries, vectors.wire2, loopback),
    transportSuite(libraries.transport, loopback),
    clientSuite(libraries, loopback),
    clientWire2Suite(libraries, loopback),
    filesSuite({ crypto, client, loopback, pem: vectors.crypto.pairs[0] }, files),
  ]
}
