import {
  keyVectors,
  malformedBody,
  malformedVectors,
  requestVectors,
  responseVectors,
} from '@nomyo/test-vectors'
import type { ConformanceVectors } from './conformance.js'
import { readEnvelope, toBase64, utf8 } from './support.js'
import { envelopeRefusal, keyRefusal, keyText, pinOf } from './vector-expectations.js'

/** Gathers the vectors into plain JSON: those that leave no choice to a reader. */
export async function conformanceVectors(): Promise<ConformanceVectors> {
  const envelopes = [...requestVectors(), ...responseVectors()].map(
    ({ name, recipient, body, plaintext }) => ({
      name: `${recipient}: ${name}`,
      privateKeyPem: keyText(recipient),
      body,
      plaintext,
      processedAt: readEnvelope(utf8(body)).processed_at ?? null,
    }),
  )
  const malformed = await Promise.all(
    malformedVectors()
      .filter(({ strict }) => strict === 'must')
      .map(async (vector) => ({
        name: `${vector.class}: ${vector.name}`,
        privateKeyPem: keyText('keys/client.private.pem'),
        bodyBase64: toBase64(await malformedBody(vector, cannotSeal)),
        code: envelopeRefusal(vector),
      })),
  )
  const keys = keyVectors()
    .filter(({ expect }) => expect !== 'policy')
    .map((vector) => {
      const code = keyRefusal(vector)
      const { bits = 0, spki_sha256: spkiSha256 = '', password, public: publicFile } = vector
      return {
        name: `${vector.file}: ${vector.why}`,
        kind: vector.kind === 'public' ? ('public' as const) : ('private' as const),
        pem: keyText(vector.file),
        options: {
          ...(password === undefined ? {} : { password }),
          ...(publicFile === undefined ? {} : { publicKeyPem: keyText(publicFile) }),
        },
        expected: code === undefined ? { bits, fingerprint: pinOf(spkiSha256) } : { code },
      }
    })
  return { envelopes, malformed, keys }
}

const cannotSeal = (): Promise<Uint8Array> =>
  Promise.reject(new Error('what must be refused comes ready-made'))
