import type { Bytes } from '../../../bytes/bytes.js'

/** X25519 (RFC 7748). Selected by the `#x25519-platform` import, and loaded only with code that needs it. */
export interface X25519Platform {
  readonly generateKey: () => X25519PrivateKey | Promise<X25519PrivateKey>
  readonly importPkcs8: (pkcs8: Bytes) => X25519Agreement | Promise<X25519Agreement>
  /** Imports the public key of a peer, for any number of agreements. */
  readonly importPublicKey: (publicKey: Bytes) => X25519PublicKey | Promise<X25519PublicKey>
}

declare const imported: unique symbol

/** A public key in the form of the runtime. */
export interface X25519PublicKey {
  readonly [imported]: true
}

/** Computes the shared secret with a peer (section 6.1). Refuses a secret of only zeros. */
export type X25519Agreement = (peer: X25519PublicKey) => Bytes | Promise<Bytes>

/** A private key, which stays in the runtime. */
export interface X25519PrivateKey {
  readonly publicKey: Bytes
  readonly agree: X25519Agreement
}

/** Creates the public key whose agreement with a private key is the public key of that (section 6.1). */
export function basePoint(): Bytes {
  const point = new Uint8Array(32)
  point[0] = 9
  return point
}
