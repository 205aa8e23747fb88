import type { Bytes } from '../bytes/bytes.js'

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

/** Labels that are hashed, signed or used to derive keys. */
export const LABELS = {
  requestInfo: 'message/bhttp chunked request',
  answerSecret: 'message/bhttp chunked response',
  statement: 'nomyo wire 2 key statement',
  vouch: 'nomyo wire 2 vouch',
} as const

/** The additional data of a final chunk. */
export const FINAL = 'final'

/** The identifiers of IANA's HPKE registry. */
export const HPKE_IDS = {
  kem: { X25519: 0x0020, 'MLKEM768-X25519': 0x647a },
  kdf: { 'HKDF-SHA256': 1 },
  aead: { 'AES-128-GCM': 1, 'AES-256-GCM': 2 },
} as const

/** The lengths of the AES keys, by AEAD identifier. */
export const AES_KEY_BYTES: Readonly<Record<number, number>> = { 1: 16, 2: 32 }

/** Length of an AES-GCM nonce. */
export const NONCE_BYTES = 12

/** Plaintext of a chunk that every receiver takes; also the most that a first chunk may hold. */
export const CHUNK_BYTES = 16_384

/** Encodes ASCII text. */
export function ascii(text: string): Bytes {
  return new TextEncoder().encode(text)
}
