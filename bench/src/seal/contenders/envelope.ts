/** An envelope of wire v1.0 in the plain code of `naive` and `webcrypto`. */
export interface Envelope {
  readonly encrypted_payload: {
    readonly ciphertext: string
    readonly nonce: string
    readonly tag: string
  }
  readonly encrypted_aes_key: string
}

export function toBytes(envelope: Envelope): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      version: '1.0',
      algorithm: 'hybrid-aes256-rsa4096',
      ...envelope,
      key_algorithm: 'RSA-OAEP-SHA256',
      payload_algorithm: 'AES-256-GCM',
    }),
  )
}

/** Reads an envelope without checks, as a quick script does. */
export function fromBytes(body: Uint8Array): Envelope {
  return JSON.parse(new TextDecoder().decode(body)) as Envelope
}
