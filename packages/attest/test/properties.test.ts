import type { QuoteVector } from '@nomyo-internal/testing/vectors'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TpmParseError, appraise, parsePcrSelection } from '../src/index.js'
import {
  decodeEvidence,
  parseAttest,
  parsePublic,
  parseSignature,
} from '../src/structures/index.js'
import { found, idsWith, policyOf, quoteVector } from './support/appraisal.js'

const MEMBERS = ['quote_b64', 'signature_b64', 'aik_pubkey_b64'] as const
const PARSE_CHECK = {
  quote_b64: 'quote.parse',
  signature_b64: 'signature.parse',
  aik_pubkey_b64: 'ak.parse',
} as const
const SAMPLES = [
  'pos-ecdsa-p256',
  'pos-rsassa-sha256',
  'pos-ecdsa-p384',
  'pos-tpm2b-attest',
] as const

const memberOf = (vector: QuoteVector, member: string): Buffer =>
  Buffer.from(String(vector.tpm_attestation[member]), 'base64')

const appraiseWith = (vector: QuoteVector, member: string, bytes: Uint8Array) =>
  appraise(
    { ...vector.tpm_attestation, [member]: Buffer.from(bytes).toString('base64') },
    policyOf(vector),
  )

describe.each(SAMPLES)('%s', (name) => {
  const vector = quoteVector(name)

  it.each(MEMBERS)('the parser refuses every prefix of %s', async (member) => {
    const whole = memberOf(vector, member)
    for (let length = 0; length < whole.length; length++) {
      const result = await appraiseWith(vector, member, whole.subarray(0, length))
      expect(found(result, PARSE_CHECK[member])).toBe('fail STRUCTURE_INVALID')
      expect(result.tier).toBe('contraindicated')
    }
  })

  it.each(MEMBERS)('bytes after %s are refused', (member) => {
    const parse = {
      quote_b64: parseAttest,
      signature_b64: parseSignature,
      aik_pubkey_b64: parsePublic,
    }[member]
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 8 }), (tail) => {
        expect(() => parse(Buffer.concat([memberOf(vector, member), tail]))).toThrow(TpmParseError)
      }),
    )
  })
})

describe('random input', () => {
  const bytes = fc.uint8Array({ maxLength: 400 })

  it.each([
    ['parseAttest', parseAttest],
    ['parsePublic', parsePublic],
    ['parseSignature', parseSignature],
  ])('%s throws nothing but TpmParseError', (_, parse) => {
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          parse(input)
        } catch (error) {
          expect(error).toBeInstanceOf(TpmParseError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('parsePcrSelection throws nothing but TpmParseError, and parses its own format', () => {
    const text = fc.stringMatching(/^[sha2516:,+0-9al]{0,40}$/)
    fc.assert(
      fc.property(text, (input) => {
        try {
          expect(parsePcrSelection(input).length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(TpmParseError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('appraise never throws, and trusts nothing', async () => {
    const vector = quoteVector('pos-ecdsa-p256')
    const policy = policyOf(vector)
    const member = fc.oneof(
      bytes.map((input) => Buffer.from(input).toString('base64')),
      fc.anything(),
    )
    const evidence = fc.record(
      {
        is_available: fc.oneof(fc.constant(true), fc.anything()),
        pcr_banks: fc.oneof(fc.constant('sha256:0,7,10'), fc.anything()),
        pcr_values: fc.oneof(fc.constant(vector.tpm_attestation['pcr_values']), fc.anything()),
        quote_b64: member,
        signature_b64: member,
        aik_pubkey_b64: member,
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(fc.oneof(evidence, fc.anything()), async (input) => {
        const result = await appraise(input, policy)
        expect(result.tier).toBe('contraindicated')
        expect(idsWith(result, 'fail').length).toBeGreaterThan(0)
      }),
      { numRuns: 1000 },
    )
  })

  it('decodeEvidence throws nothing but TpmParseError', () => {
    fc.assert(
      fc.property(fc.anything(), (input) => {
        expect(() => decodeEvidence(input)).toThrow(TpmParseError)
      }),
    )
  })
})

it('decodeEvidence returns the bytes of a real quote', () => {
  const { tpm_attestation: evidence } = quoteVector('edge-pcr-uppercase-hex')
  const decoded = decodeEvidence(evidence)
  expect(Buffer.from(decoded.quote).toString('base64')).toBe(evidence['quote_b64'])
  expect(decoded.pcrValues['sha256']?.['7']).toMatch(/^[0-9a-f]{64}$/)
})
