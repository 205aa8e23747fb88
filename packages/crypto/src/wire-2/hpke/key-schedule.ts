import { wire2Platform } from '#wire-2-platform'
import { type Bytes, zeroize } from '../../bytes/bytes.js'
import { AES_KEY_BYTES, NONCE_BYTES, ascii } from '../labels.js'
import { join, labeledExpand, labeledExtract, u16 } from './hkdf.js'

/** The identifiers of an HPKE suite (RFC 9180 section 7). */
export interface HpkeSuite {
  readonly kemId: number
  readonly kdfId: number
  readonly aeadId: number
}

/** An AES-GCM key, and the nonce of the first message under it. */
export interface AeadKeys {
  readonly key: Bytes
  readonly baseNonce: Bytes
}

/** The secrets of one encapsulation. Both ends hold the same. */
export interface HpkeSecrets extends AeadKeys {
  /** Derives further secrets (RFC 9180 section 5.3). */
  readonly exporterSecret: Bytes
}

/** The key schedule of the base mode (RFC 9180 section 5.1). */
export async function keySchedule(
  suite: HpkeSuite,
  sharedSecret: Uint8Array,
  info: Uint8Array,
): Promise<HpkeSecrets> {
  const id = suiteId(suite)
  const nothing = new Uint8Array()
  const context = join(
    // `mode_base`: without a pre-shared key and without authentication of the sender.
    Uint8Array.of(0),
    await labeledExtract(id, nothing, 'psk_id_hash', nothing),
    await labeledExtract(id, nothing, 'info_hash', info),
  )
  const secret = await labeledExtract(id, sharedSecret, 'secret', nothing)
  try {
    const mac = wire2Platform.hmacSha256(secret)
    return {
      key: await labeledExpand(id, mac, 'key', context, AES_KEY_BYTES[suite.aeadId] ?? 32),
      baseNonce: await labeledExpand(id, mac, 'base_nonce', context, NONCE_BYTES),
      exporterSecret: await labeledExpand(id, mac, 'exp', context, 32),
    }
  } finally {
    zeroize(secret)
  }
}

/** The secret export of a context (RFC 9180 section 5.3). */
export function exportSecret(
  suite: HpkeSuite,
  { exporterSecret }: HpkeSecrets,
  exporterContext: Uint8Array,
  length: number,
): Promise<Bytes> {
  const mac = wire2Platform.hmacSha256(exporterSecret)
  return labeledExpand(suiteId(suite), mac, 'sec', exporterContext, length)
}

const suiteId = ({ kemId, kdfId, aeadId }: HpkeSuite): Bytes =>
  join(ascii('HPKE'), u16(kemId), u16(kdfId), u16(aeadId))
