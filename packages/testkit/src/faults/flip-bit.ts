/** A part of an envelope that can be altered. */
export type EnvelopePart = 'ciphertext' | 'tag' | 'nonce' | 'wrappedKey'

/** An envelope as it is on the wire, as far as it is touched here. */
interface Envelope {
  encrypted_payload: { ciphertext: string; tag: string; nonce: string }
  encrypted_aes_key: string
}

/** The envelope, still well-formed, with the lowest bit of the middle byte of one part turned over. */
export function flipBit(body: Uint8Array, part: EnvelopePart): Uint8Array {
  const envelope = JSON.parse(new TextDecoder().decode(body)) as Envelope
  if (part === 'wrappedKey') envelope.encrypted_aes_key = turned(envelope.encrypted_aes_key)
  else envelope.encrypted_payload[part] = turned(envelope.encrypted_payload[part])
  return new TextEncoder().encode(JSON.stringify(envelope))
}

function turned(base64: string): string {
  const bytes = Buffer.from(base64, 'base64')
  const middle = bytes.length >> 1
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  return bytes.toString('base64')
}
