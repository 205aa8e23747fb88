/** A part of an envelope that can be altered. */
export type EnvelopePart = 'ciphertext' | 'tag' | 'nonce' | 'wrappedKey'

/** The members of an envelope on the wire that are changed here. */
interface Envelope {
  encrypted_payload: { ciphertext: string; tag: string; nonce: string }
  encrypted_aes_key: string
}

/** Flips the lowest bit of the middle byte of one part; the envelope stays well-formed. */
export function flipBit(body: Uint8Array, part: EnvelopePart): Uint8Array {
  const envelope = JSON.parse(new TextDecoder().decode(body)) as Envelope
  if (part === 'wrappedKey') envelope.encrypted_aes_key = flipped(envelope.encrypted_aes_key)
  else envelope.encrypted_payload[part] = flipped(envelope.encrypted_payload[part])
  return new TextEncoder().encode(JSON.stringify(envelope))
}

function flipped(base64: string): string {
  const bytes = Buffer.from(base64, 'base64')
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  return bytes.toString('base64')
}
