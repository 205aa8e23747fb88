import { createHash, randomInt } from 'node:crypto'
import type { PublicKey } from '@nomyo/crypto'
import {
  createRequestKey,
  encodeKeyList,
  encodeStatement,
  generateIdentityKey,
  loadHybridKem,
  signStatement,
  type IdentityKey,
  type Kem,
  type RequestKey,
  type StatementContent,
} from '@nomyo/crypto/wire-2'

const MAX_CHUNK = 131_072
const MAX_REQUEST = 16 * 1024 * 1024
const LIFE_SECONDS = 2 * 3600
const KEY_IDS = 256

/** The keys of wire 2: an identity, one request key, and the statement that ties them together. */
export class Wire2Keys {
  readonly #kem: Kem
  readonly #identity: IdentityKey
  #key: RequestKey
  #published: Published

  private constructor(kem: Kem, identity: IdentityKey, key: RequestKey, published: Published) {
    this.#kem = kem
    this.#identity = identity
    this.#key = key
    this.#published = published
  }

  static async create(rsaKey: PublicKey): Promise<Wire2Keys> {
    const kem = await loadHybridKem()
    const { key: identity } = await generateIdentityKey()
    const key = await createRequestKey(kem, { id: randomInt(KEY_IDS) })
    return new Wire2Keys(kem, identity, key, await publish(key, identity, rsaKey))
  }

  get identity(): string {
    return this.#identity.fingerprint
  }

  get keys(): readonly RequestKey[] {
    return [this.#key]
  }

  get published(): Published {
    return this.#published
  }

  /** Replaces the request key: a request encrypted to the previous one cannot be decrypted. */
  async rotate(rsaKey: PublicKey): Promise<void> {
    const next = await createRequestKey(this.#kem, { id: (this.#key.id + 1) % KEY_IDS })
    this.#key.dispose()
    this.#key = next
    await this.renew(rsaKey)
  }

  /** Replaces the statement. */
  async renew(rsaKey: PublicKey): Promise<void> {
    this.#published = await publish(this.#key, this.#identity, rsaKey)
  }

  /** Signs content: as this gateway, as another one, or under this identity with the key of another. */
  async sign(content: StatementContent, as: Signer): Promise<Uint8Array> {
    const key = as === 'this' ? this.#identity : (await generateIdentityKey()).key
    const identities = as === 'other' ? [key.fingerprint] : content.identities
    return signStatement(encodeStatement({ ...content, identities }), [key])
  }

  dispose(): void {
    this.#key.dispose()
  }
}

/** A statement and its parts. */
export interface Published {
  readonly content: StatementContent
  /** The signed bytes. */
  readonly statement: Uint8Array
  readonly sha256: string
  /** The body that clients read. */
  readonly document: Uint8Array<ArrayBuffer>
}

/** Signer of a statement; a `forger` signs with another key than that of the identity it names. */
export type Signer = 'this' | 'other' | 'forger'

async function publish(
  key: RequestKey,
  identity: IdentityKey,
  rsaKey: PublicKey,
): Promise<Published> {
  const now = Math.floor(Date.now() / 1000)
  const content: StatementContent = {
    notBefore: now,
    notAfter: now + LIFE_SECONDS,
    keyList: encodeKeyList([key]),
    minWire: '1.0',
    rsaKeys: [rsaKey.fingerprint],
    identities: [identity.fingerprint],
    maxRequest: MAX_REQUEST,
    maxChunk: MAX_CHUNK,
    routes: ['POST /v1/chat/completions'],
  }
  const statement = encodeStatement(content)
  const sha256 = createHash('sha256').update(statement).digest('hex')
  return { content, statement, sha256, document: await signStatement(statement, [identity]) }
}
