import { mapValues } from '../../harness/statistics.js'

/** Contents of an envelope of wire v1.0 in the plain code of `naive` and `webcrypto`. */
export type Envelope<Bytes = Buffer> = Readonly<
  Record<'ciphertext' | 'nonce' | 'tag' | 'wrapped', Bytes>
>

export function toBytes({ ciphertext, nonce, tag, wrapped }: Envelope): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      version: '1.0',
      algorithm: 'hybrid-aes256-rsa4096',
      encrypted_payload: {
        ciphertext: ciphertext.toString('base64'),
        nonce: nonce.toString('base64'),
        tag: tag.toString('base64'),
      },
      encrypted_aes_key: wrapped.toString('base64'),
      key_algorithm: 'RSA-OAEP-SHA256',
      payload_algorithm: 'AES-256-GCM',
    }),
  )
}

/** Reads an envelope without checks, as a quick script does. */
export function fromBytes(body: Uint8Array): Envelope<Buffer<ArrayBuffer>> {
  const { encrypted_payload: payload, encrypted_aes_key: wrapped } = JSON.parse(
    new TextDecoder().decode(body),
  ) as { encrypted_payload: Envelope<string>; encrypted_aes_key: string }
  return mapValues({ ...payload, wrapped }, (text) => Buffer.from(text, 'base64'))
}
