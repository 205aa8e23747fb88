import { platform } from '#crypto-platform'
import { type Bytes, ownBytes, zeroize } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'
import { encodePem } from '../keys/pem.js'
import type { KeyPair, PrivateKey, PrivateKeyUse, PublicKey, Suite } from '../suite.js'
import { bitLength, parseRsaSpki } from './rsa-der.js'

const RSA_OAEP = { name: 'RSA-OAEP', hash: 'SHA-256' } as const
const GENERATED_BITS = 4096

/** The public half: wraps AES keys. */
export interface RsaPublicKey extends PublicKey {
  /** RSAES-OAEP encryption (RFC 8017 section 7.1.1). */
  wrap(secret: Bytes): Promise<Bytes>
}

/** Generates an RSA-4096 pair with exponent 65537. Takes 0.3 to 3 seconds, off the event loop. */
export async function generateRsaKeyPair(suite: Suite, use: PrivateKeyUse): Promise<KeyPair> {
  const isCopied = use.parallel > 1
  const pair = await crypto.subtle.generateKey(
    { ...RSA_OAEP, modulusLength: GENERATED_BITS, publicExponent: Uint8Array.of(1, 0, 1) },
    use.extractable || isCopied,
    ['encrypt', 'decrypt'],
  )
  const spkiDer = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey))
  let privateKey = new RsaPrivateKey(suite, GENERATED_BITS, [pair.privateKey])
  if (isCopied) {
    const pkcs8 = await privateKey.exportPkcs8()
    try {
      privateKey = await rsaPrivateKey(suite, GENERATED_BITS, pkcs8, use)
    } finally {
      zeroize(pkcs8)
    }
  }
  return { publicKey: await importRsaPublicKey(suite, spkiDer, GENERATED_BITS), privateKey }
}

/** Imports one copy of a private key for each operation that may run at the same time. */
export async function rsaPrivateKey(
  suite: Suite,
  bits: number,
  pkcs8: Uint8Array,
  { extractable, parallel }: PrivateKeyUse,
): Promise<RsaPrivateKey> {
  const copy = (): Promise<CryptoKey> =>
    platformImport('pkcs8', ownBytes(pkcs8), extractable, ['decrypt'])
  return new RsaPrivateKey(suite, bits, await Promise.all(Array.from({ length: parallel }, copy)))
}

/** Reads an SPKI; everything that the platform lets pass is checked before the platform sees it. */
export async function importRsaPublicKey(
  suite: Suite,
  spkiDer: Uint8Array,
  minBits: number,
): Promise<RsaPublicKey> {
  const der = new Uint8Array(spkiDer)
  const { modulus } = parseRsaSpki(der, minBits)
  const key = await platformImport('spki', der, true, ['encrypt'])
  const digest = platform.encodeBase64(await platform.sha256(der))
  return {
    suite,
    bits: bitLength(modulus),
    spkiDer: der,
    pem: encodePem('PUBLIC KEY', der),
    fingerprint: `sha256/${digest}`,
    wrap: async (secret) => platform.encryptRsaOaep(key, secret),
  }
}

/** One operation at a time: platforms lock a `CryptoKey` while they use it. */
interface Lane {
  readonly key: CryptoKey
  /** Number of operations that run or wait. */
  load: number
}

/** The private half: unwraps AES keys. Printing and serializing do not reach its `CryptoKey`. */
export class RsaPrivateKey implements PrivateKey {
  readonly suite: Suite
  readonly bits: number
  #lanes: readonly Lane[]

  /** @param keys - one copy of the key for each operation that may run at the same time */
  constructor(suite: Suite, bits: number, keys: readonly CryptoKey[]) {
    this.suite = suite
    this.bits = bits
    this.#lanes = keys.map((key) => ({ key, load: 0 }))
  }

  get extractable(): boolean {
    return this.#lane().key.extractable
  }

  /** Length of a key wrapped for this one, in bytes. */
  get wrappedBytes(): number {
    return Math.ceil(this.bits / 8)
  }

  /** RSAES-OAEP decryption (RFC 8017 section 7.1.2); undefined when it fails, for any reason. */
  async unwrap(wrapped: Bytes): Promise<Bytes | undefined> {
    const lane = this.#lane()
    lane.load++
    try {
      return new Uint8Array(await crypto.subtle.decrypt(RSA_OAEP, lane.key, wrapped))
    } catch {
      return undefined
    } finally {
      lane.load--
    }
  }

  async exportPkcs8(): Promise<Bytes> {
    const { key } = this.#lane()
    if (!key.extractable) {
      throw new SecurityError('ERR_KEY_NOT_EXTRACTABLE', 'The private key is not extractable.')
    }
    return new Uint8Array(await crypto.subtle.exportKey('pkcs8', key))
  }

  dispose(): void {
    this.#lanes = []
  }

  /** The lane with the least load. */
  #lane(): Lane {
    const [first, ...others] = this.#lanes
    if (first === undefined) {
      throw new SecurityError('ERR_KEY_DISPOSED', 'The private key has been disposed of.')
    }
    return others.reduce((least, lane) => (lane.load < least.load ? lane : least), first)
  }
}

async function platformImport(
  format: 'spki' | 'pkcs8',
  der: Bytes,
  extractable: boolean,
  usages: KeyUsage[],
): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey(format, der, RSA_OAEP, extractable, usages)
  } catch {
    // The platform's message may describe the key.
    throw new SecurityError('ERR_KEY_INVALID', 'The key was refused by the platform.')
  }
}
