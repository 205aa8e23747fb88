import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as attest from '@nomyo/attest'
import * as crypto from '@nomyo/crypto'
import {
  headerVectors,
  keyVectors,
  malformedBody,
  malformedVectors,
  quoteVectors,
  requestVectors,
  responseVectors,
  wire2Vectors,
  type KeyVector,
  type MalformedVector,
} from '@nomyo-internal/testing/vectors'
import {
  envelopeRefusal,
  headerRefusal,
  keyRefusal,
  keyText,
  pinOf,
} from '@nomyo-internal/testing/vectors/expectations'
import { expectedFailures, quotePolicy } from '@nomyo-internal/testing/vectors/quotes'
import { packageFolder } from './package-folder.js'
import { verdictsOf, type AttestVectors } from './suites/attest.js'
import type { CryptoVectors } from './suites/crypto.js'
import type { Wire2Vectors } from './suites/wire-2.js'

/** Vectors of the suites, as plain JSON. */
export interface Vectors {
  readonly crypto: CryptoVectors
  readonly attest: AttestVectors
  readonly wire2: Wire2Vectors
}

/** Gathers the vectors with one permitted result, and those of the others that are named here. */
export async function gatherVectors(): Promise<Vectors> {
  return { crypto: await gatherCrypto(), attest: await gatherAttest(), wire2: await gatherWire2() }
}

/** Those that the documentation publishes, and those of the KEM's own document. */
async function gatherWire2(): Promise<Wire2Vectors> {
  const published = join(packageFolder, '../../docs/wire-2/vectors.json')
  const xWing = wire2Vectors('x-wing') as Wire2Vectors['xWing']
  return { ...(JSON.parse(await readFile(published, 'utf8')) as Wire2Vectors), xWing }
}

async function gatherCrypto(): Promise<CryptoVectors> {
  const clientPem = keyText('keys/client.private.pem')
  const envelopes = [...requestVectors(), ...responseVectors()].map(
    ({ name, recipient, body, plaintext }) => ({
      name: `${recipient}: ${name}`,
      privateKeyPem: keyText(recipient),
      body,
      plaintext,
      processedAt: (JSON.parse(body) as { processed_at?: number }).processed_at ?? null,
    }),
  )
  const { publicKey } = await crypto.importPrivateKey(clientPem)
  const seal = (plaintext: string): Promise<Uint8Array> =>
    crypto.sealEnvelope(new TextEncoder().encode(plaintext), publicKey)
  const malformed = await Promise.all(
    malformedVectors()
      .filter((vector) => vector.strict === 'must' || isTooDeep(vector))
      .map(async (vector) => ({
        name: `${vector.class}: ${vector.name}`,
        privateKeyPem: clientPem,
        bodyBase64: Buffer.from(await malformedBody(vector, seal)).toString('base64'),
        code: isTooDeep(vector) ? 'ERR_ENVELOPE_TOO_LARGE' : envelopeRefusal(vector),
      })),
  )
  const pairs = [clientPem, keyText('keys/other.private.pem')] as const
  return { envelopes, malformed, keys: [...gatherKeys(), ...gatherHeaders()], pairs }
}

/** Nesting so deep that a reader without a limit depends on the stack of its runtime. */
const isTooDeep = ({ strict, name }: MalformedVector): boolean =>
  strict === 'effect' && name.includes('nested')

/** Optional forms that this project reads: a private key as PKCS#1, and as nomyo-js 0.1 wrote it. */
const CHOSEN: Readonly<Record<string, 'private' | 'legacy'>> = {
  'keys/pkcs1.private.pem': 'private',
  'keys/nomyo-js-password.private.pem': 'legacy',
}

function gatherKeys(): CryptoVectors['keys'] {
  return keyVectors()
    .filter(({ expect, file }) => expect !== 'policy' || CHOSEN[file] !== undefined)
    .map((vector) => {
      const { file, why, password, public: publicFile } = vector
      return {
        name: `${file}: ${why}`,
        kind: CHOSEN[file] ?? (vector.kind === 'public' ? 'public' : 'private'),
        text: keyText(file),
        options: {
          ...(password === undefined ? {} : { password }),
          ...(publicFile === undefined ? {} : { publicKeyPem: keyText(publicFile) }),
        },
        expected: expectedOf(vector),
      }
    })
}

function expectedOf(vector: KeyVector): CryptoVectors['keys'][number]['expected'] {
  const code = keyRefusal(vector)
  const { bits = 0, spki_sha256: spkiSha256 = '' } = vector
  return code === undefined ? { bits, fingerprint: pinOf(spkiSha256) } : { code }
}

function gatherHeaders(): CryptoVectors['keys'] {
  const { spkiSha256, vectors } = headerVectors()
  return vectors
    .filter(({ expect }) => expect !== 'policy')
    .map((vector) => ({
      name: `header: ${vector.name}`,
      kind: 'header',
      text: vector.value,
      options: {},
      expected:
        vector.expect === 'accept'
          ? { bits: 4096, fingerprint: pinOf(spkiSha256) }
          : { code: headerRefusal(vector) },
    }))
}

/** Quotes with the verdicts of this process: every runtime must reach the same, check by check. */
async function gatherAttest(): Promise<AttestVectors> {
  const quotes = quoteVectors().map(async (vector) => ({
    vector,
    failures: expectedFailures(vector),
    verdicts: verdictsOf(
      await attest.appraise(vector.tpm_attestation, quotePolicy(vector, attest)),
    ),
  }))
  return { quotes: await Promise.all(quotes) }
}
