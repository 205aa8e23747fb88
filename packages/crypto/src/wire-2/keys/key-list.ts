import type { Bytes } from '../../bytes/bytes.js'
import { SecurityError } from '../../errors.js'
import { requireArgument, requireBytes, requireList } from '../../arguments.js'
import { join, u16 } from '../hpke/hkdf.js'
import type { HpkeSuite } from '../hpke/key-schedule.js'
import { AEAD_AES_128, AEAD_AES_256, KDF_HKDF_SHA256, KEM_HYBRID, KEM_X25519 } from '../labels.js'
import { HYBRID } from '../kem/hybrid.js'
import { X25519_BYTES } from '../kem/kem.js'
import type { RequestKey } from './request-key.js'

/** A public request key as a key list offers it (RFC 9458 section 3.1). */
export interface KeyConfig {
  readonly keyId: number
  readonly kemId: number
  readonly publicKey: Bytes
  /** The algorithms offered with this key, the preferred ones first. */
  readonly suites: readonly Omit<HpkeSuite, 'kemId'>[]
}

const PUBLIC_KEY_BYTES: Readonly<Record<number, number>> = {
  [KEM_HYBRID]: HYBRID.publicKeyBytes,
  [KEM_X25519]: X25519_BYTES,
}

/** A list of all live keys of a gateway is a few kilobytes. */
const MAX_LIST_BYTES = 64 * 1024
const MAX_ENTRIES = 64
const SUITE_BYTES = 4

/**
 * Writes a key list, `application/ohttp-keys`.
 *
 * @throws SecurityError `ERR_ARGUMENT_INVALID` for no keys, or two with the same id
 * @example
 * ```ts
 * import { createRequestKey, encodeKeyList, loadHybridKem } from '@nomyo/crypto/wire-2'
 *
 * const key = await createRequestKey(await loadHybridKem(), { id: 7 })
 * const list = encodeKeyList([key])
 * ```
 */
export function encodeKeyList(
  keys: readonly Pick<RequestKey, 'id' | 'kem' | 'publicKey'>[],
): Bytes {
  requireList(keys, 'keys', 'kem')
  const ids = new Set(keys.map(({ id }) => id))
  requireArgument(ids.size > 0 && ids.size === keys.length, 'keys must have distinct ids')
  // AES-256-GCM first; AES-128-GCM for clients of other projects.
  const offered = [AEAD_AES_256, AEAD_AES_128]
  const suites = join(...offered.flatMap((aeadId) => [u16(KDF_HKDF_SHA256), u16(aeadId)]))
  return join(
    ...keys.flatMap(({ id, kem, publicKey }) => {
      const entry = join(Uint8Array.of(id), u16(kem.id), publicKey, u16(suites.length), suites)
      return [u16(entry.length), entry]
    }),
  )
}

/**
 * Reads a key list. Keys of unknown KEMs are left out; a list with any error is refused as a whole.
 *
 * @throws SecurityError `ERR_KEY_INVALID`
 * @example
 * ```ts
 * import { parseKeyList } from '@nomyo/crypto/wire-2'
 *
 * export function hybridKeys(list: Uint8Array) {
 *   return parseKeyList(list).filter(({ kemId }) => kemId === 0x647a)
 * }
 * ```
 */
export function parseKeyList(list: Uint8Array): KeyConfig[] {
  requireBytes(list, 'list')
  if (list.length === 0 || list.length > MAX_LIST_BYTES) throw invalidList()
  const configs: KeyConfig[] = []
  const ids = new Set<number>()
  for (let at = 0; at < list.length;) {
    const end = at + 2 + readU16(list, at)
    if (end > list.length) throw invalidList()
    const entry = list.subarray(at + 2, end)
    const keyId = entry[0] ?? 0
    const config = parseEntry(entry, keyId)
    if (ids.has(keyId) || ids.size === MAX_ENTRIES) throw invalidList()
    ids.add(keyId)
    if (config !== undefined) configs.push(config)
    at = end
  }
  return configs
}

/** Returns undefined for a KEM whose keys have an unknown length. */
function parseEntry(entry: Uint8Array, keyId: number): KeyConfig | undefined {
  const kemId = readU16(entry, 1)
  const publicKeyBytes = PUBLIC_KEY_BYTES[kemId]
  if (publicKeyBytes === undefined) return undefined
  const suitesAt = 3 + publicKeyBytes
  const length = readU16(entry, suitesAt)
  if (length === 0 || length % SUITE_BYTES > 0 || suitesAt + 2 + length !== entry.length) {
    throw invalidList()
  }
  const suites = Array.from({ length: length / SUITE_BYTES }, (_, index) => {
    const at = suitesAt + 2 + index * SUITE_BYTES
    return { kdfId: readU16(entry, at), aeadId: readU16(entry, at + 2) }
  })
  return { keyId, kemId, publicKey: new Uint8Array(entry.subarray(3, suitesAt)), suites }
}

function readU16(bytes: Uint8Array, at: number): number {
  const high = bytes[at]
  const low = bytes[at + 1]
  if (high === undefined || low === undefined) throw invalidList()
  return high * 256 + low
}

const invalidList = (): SecurityError =>
  new SecurityError('ERR_KEY_INVALID', 'Not a valid key list.')
