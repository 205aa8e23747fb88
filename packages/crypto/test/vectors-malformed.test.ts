import { malformedBody, malformedVectors } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import type { Bytes } from '../src/bytes/bytes.js'
import { openJson, sealEnvelope } from '../src/envelope/index.js'
import { SecurityError, type SecurityErrorCode } from '../src/errors.js'
import {
  refusalCodeOf,
  refusalOf,
  testPair,
  utf8,
  valueOrRefusal,
  expectRefusal,
} from './support.js'
import { envelopeRefusal, isBehindPrivateKey } from '@nomyo-internal/testing/vectors/expectations'

const vectors = malformedVectors()
const refused = vectors.filter(({ strict }) => strict === 'must')
const decided = vectors.filter(({ strict }) => strict === 'policy')
const harmless = vectors.filter(({ strict }) => strict === 'effect')

const sealForClient = async (plaintext: string): Promise<Bytes> =>
  sealEnvelope(utf8(plaintext), (await testPair('client')).publicKey)

const open = async (
  vector: (typeof vectors)[number],
  options = {},
): Promise<Record<string, unknown>> => {
  const body = await malformedBody(vector, sealForClient)
  return (await openJson(body, (await testPair('client')).privateKey, options)).value
}

describe('vectors that every reader must refuse', () => {
  it('is the larger part of the vectors', () => {
    expect([refused.length, decided.length, harmless.length]).toEqual([118, 6, 4])
  })

  it.each(refused)('$class: $name', async (vector) => {
    await expectRefusal(() => open(vector), envelopeRefusal(vector))
  })

  // A text that names the cause would be an oracle.
  it('says the same of every failure to decrypt', async () => {
    const failures = refused.filter(isBehindPrivateKey)
    const texts = new Set<string>()
    for (const vector of failures) {
      const { code, message } = await refusalOf(() => open(vector))
      texts.add(`${code} ${message}`)
    }
    expect(failures.length).toBeGreaterThan(25)
    expect(texts.size).toBe(1)
  })
})

describe('vectors whose outcome is a policy', () => {
  const decisions: Readonly<Record<string, 'opens' | SecurityErrorCode>> = {
    'JS style: tag appended to ciphertext, no tag member': 'ERR_ENVELOPE_INVALID',
    // Readers of `_metadata` check it; this package accepts any JSON object.
    '_metadata is null': 'opens',
    '_metadata is array': 'opens',
    '_metadata is string': 'opens',
    // The last one counts, everywhere, because there is one parse.
    'duplicate tag, valid one last': 'opens',
    'duplicate algorithm, valid one last': 'opens',
  }

  it('is decided without exception', () => {
    expect(Object.keys(decisions).sort()).toEqual(decided.map(({ name }) => name).sort())
  })

  it.each(decided)('$name', async (vector) => {
    const outcome = await valueOrRefusal(() => open(vector))
    expect(outcome instanceof SecurityError ? outcome.code : 'opens').toBe(decisions[vector.name])
  })

  it('opens the appended tag of nomyo-js 0.1 on request', async () => {
    const vector = decided.find(({ name }) => name.startsWith('JS style'))!
    expect(await open(vector, { acceptAppendedTag: true })).toHaveProperty('choices')
  })

  it.each(refused)('appended tags excuse nothing else: $class: $name', async (vector) => {
    const code = await refusalCodeOf(() => open(vector, { acceptAppendedTag: true }))
    // Without its tag member a sound envelope becomes one whose last 16 bytes are no tag.
    const expected =
      vector.name === 'missing encrypted_payload.tag' ||
      vector.name === 'tag only inside encrypted_payload.__proto__'
        ? 'ERR_DECRYPTION_FAILED'
        : envelopeRefusal(vector)
    expect(code).toBe(expected)
  })
})

describe('vectors that must have no side effect', () => {
  const outcomes: Readonly<Record<string, 'opens' | SecurityErrorCode>> = {
    'plaintext tries to pollute a prototype': 'opens',
    '100000 nested arrays in an ignored field': 'ERR_ENVELOPE_TOO_LARGE',
    '200000 unknown members': 'ERR_ENVELOPE_TOO_LARGE',
    'plaintext nested 100000 deep': 'ERR_ENVELOPE_TOO_LARGE',
  }

  it.each(harmless)('$name', async (vector) => {
    const before = Reflect.ownKeys(Object.prototype)
    const outcome = await valueOrRefusal(() => open(vector))
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before)
    expect(outcome instanceof SecurityError ? outcome.code : 'opens').toBe(outcomes[vector.name])
    const bystander: Record<string, unknown> = {}
    expect(bystander['polluted']).toBeUndefined()
    if (outcome instanceof SecurityError) return
    expect(outcome['polluted']).toBeUndefined()
    expect(outcome).not.toHaveProperty('_metadata.polluted')
  })
})
