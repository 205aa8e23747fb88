import type { Bytes } from '../../bytes/bytes.js'
import { join, u16 } from '../hpke/hkdf.js'
import type { HpkeSuite } from '../hpke/key-schedule.js'
import { AES_KEY_BYTES, KDF_HKDF_SHA256, REQUEST_INFO, labelled } from '../labels.js'

/** The first bytes of a request: the key, and the suite that the client chose. */
export interface RequestHeader extends HpkeSuite {
  readonly keyId: number
}

/** Length of the header. */
export const HEADER_BYTES = 7

export function writeHeader({ keyId, kemId, kdfId, aeadId }: RequestHeader): Bytes {
  return join(Uint8Array.of(keyId), u16(kemId), u16(kdfId), u16(aeadId))
}

export function readHeader(bytes: Uint8Array): RequestHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES)
  return {
    keyId: view.getUint8(0),
    kemId: view.getUint16(1),
    kdfId: view.getUint16(3),
    aeadId: view.getUint16(5),
  }
}

/** The `info` of the key schedule, which binds it to the header. */
export function requestInfo(header: Uint8Array): Bytes {
  return labelled(REQUEST_INFO, header)
}

/** Returns whether these algorithms are supported here; the KEM is that of the key. */
export function isSupported({ kdfId, aeadId }: Omit<HpkeSuite, 'kemId'>): boolean {
  return kdfId === KDF_HKDF_SHA256 && aeadId in AES_KEY_BYTES
}
