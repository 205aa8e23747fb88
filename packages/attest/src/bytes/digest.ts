import type { HashName } from '../structures/constants.js'
import { concat, type Bytes } from './bytes.js'

/** WebCrypto's name of each hash. */
export const webCryptoHash: Readonly<Record<HashName, string>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
}

/** Hashes the concatenation of the pieces. */
export async function digest(hash: HashName, ...pieces: Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest(webCryptoHash[hash], concat(...pieces)))
}
