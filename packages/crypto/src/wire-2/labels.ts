import { type Bytes, concat } from '../bytes/bytes.js'

/** The media types of wire 2 (RFC 9458, draft-ietf-ohai-chunked-ohttp-08), without parameters. */
export const MEDIA_TYPES = {
  request: 'message/ohttp-chunked-req',
  answer: 'message/ohttp-chunked-res',
  keyList: 'application/ohttp-keys',
} as const

/** The problem types (RFC 9457) of refusals: `key` outside the encryption, `date` inside it. */
export const PROBLEM_TYPES = {
  key: 'https://iana.org/assignments/http-problem-types#ohttp-key',
  date: 'https://iana.org/assignments/http-problem-types#date',
} as const

/** Where a gateway takes requests and serves its key list (RFC 9540). */
export const GATEWAY_PATH = '/.well-known/ohttp-gateway'

/** The type of a key statement of this version. */
export const STATEMENT_TYPE = 'nomyo-wire2/1'

/** The type of the request by which a client asks an RSA key to endorse a key statement. */
export const VOUCH_TYPE = 'nomyo-wire2-vouch'

/** Begins the `info` of a request's key schedule. */
export const REQUEST_INFO = 'message/bhttp chunked request'

/** The exporter context of the secret of an answer. */
export const ANSWER_SECRET = 'message/bhttp chunked response'

/** Begins the signed bytes of a key statement. */
export const STATEMENT_LABEL = 'nomyo wire 2 key statement'

/** Begins the MAC by which an RSA key endorses a key statement. */
export const VOUCH_LABEL = 'nomyo wire 2 vouch'

/** The additional data of a final chunk. */
export const FINAL = 'final'

/** Identifiers of IANA's HPKE registry. */
export const KEM_X25519 = 0x0020
export const KEM_HYBRID = 0x647a
export const KDF_HKDF_SHA256 = 1
export const AEAD_AES_128 = 1
export const AEAD_AES_256 = 2

/** The lengths of the AES keys, by AEAD identifier. */
export const AES_KEY_BYTES: Readonly<Record<number, number>> = {
  [AEAD_AES_128]: 16,
  [AEAD_AES_256]: 32,
}

/** Length of an AES-GCM nonce. */
export const NONCE_BYTES = 12

/** Plaintext of a chunk that every receiver takes; also the most that a first chunk may hold. */
export const CHUNK_BYTES = 16_384

/** Encodes a label that other bytes follow. */
export function labelled(label: string, bytes: Uint8Array): Bytes {
  const start = ascii(`${label}\0`)
  return concat([start, bytes], start.length + bytes.length)
}

/** Encodes ASCII text, or Latin-1: for short texts quicker than a `TextEncoder`. */
export function ascii(text: string): Bytes {
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at)
  return bytes
}
