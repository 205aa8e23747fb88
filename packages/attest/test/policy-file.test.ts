import { realEvidence, tpmVector } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import { toHex } from '../src/bytes/hex.js'
import { appraise } from '../src/index.js'
import { formatPolicyFile, parsePolicyFile } from '../src/policy/file.js'
import { computeName, parsePublic } from '../src/structures/index.js'
import type { TrustAnchor } from '../src/trust/anchor.js'
import { found } from './support/appraisal.js'
import { EC_AK } from './support/certificates.js'
import { PCR_VALUES, forgeKey, forgeQuote } from '@nomyo-internal/testing/vectors/forge'
import { withCode } from '@nomyo-internal/testing'

/** A certificate of a real machine, as a policy file has it. */
const pemOf = (file: string): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(realEvidence(file)).toString('base64')}\n-----END CERTIFICATE-----`

const NONCE = new Uint8Array(32).fill(9)
const NAME = `000b${'ab'.repeat(32)}`
const FILE = {
  format: 'nomyo-attestation-policy/1',
  requiredPcrs: 'sha256:0,7,10',
  referenceValues: PCR_VALUES,
  trust: [{ pinnedAk: NAME }],
}

describe('policy files', () => {
  it('are the policy that they format', async () => {
    const key = forgeKey()
    const name = toHex(await computeName(parsePublic(key.publicArea)))
    const text = formatPolicyFile({
      requiredPcrs: 'sha256:0,7,10',
      referenceValues: PCR_VALUES,
      pinnedAkNames: [name],
    })
    const policy = parsePolicyFile(text)
    const appraiseOne = (quote: unknown) =>
      appraise(quote, { ...policy, nonce: { extraData: NONCE } })
    expect(await appraiseOne(forgeQuote(NONCE, { key }))).toMatchObject({
      tier: 'affirming',
      trust: 'pinned',
    })
    expect(await appraiseOne(forgeQuote(NONCE))).toMatchObject({ tier: 'contraindicated' })
  })

  it('have AK certificates', async () => {
    const vector = tpmVector<Record<string, never>>('akcert-good-p256')
    const policy = parsePolicyFile(
      JSON.stringify({
        format: FILE.format,
        requiredPcrs: 'sha256:0,7,10',
        trust: [
          {
            akCertificate: {
              leaf: vector['ak_certificate_pem'],
              intermediates: vector['intermediates_pem'],
              roots: vector['trust_anchors_pem'],
            },
          },
        ],
      }),
    )
    const result = await appraise(vector['tpm_attestation'], {
      ...policy,
      nonce: { payloadId: vector['payload_id'] as unknown as string, mode: 'sha256' },
      now: new Date('2026-11-21T12:00:00Z'),
    })
    expect(result).toMatchObject({ tier: 'warning', trust: 'endorsed', vector: { hardware: 2 } })
    // The key has a parent key: neither certificate nor signature covers its Name.
    expect(found(result, 'ak.name')).toBe('skip AK_NAME_NOT_COVERED')
    expect(result.verified).not.toHaveProperty('akName')
  })

  it('name the issuer of AK certificates that have a form of their own', async () => {
    const leaf = pemOf('gce-ak-uca-ecc.der')
    const chain = { leaf, intermediates: [], roots: [] }
    const verdictOn = async (akCertificate: object) => {
      const { trust } = parsePolicyFile(JSON.stringify({ ...FILE, trust: [{ akCertificate }] }))
      const [anchor] = trust as readonly TrustAnchor[]
      const key = { publicArea: EC_AK, name: new Uint8Array(34) }
      return (await anchor!.endorse(key, undefined)).certificate?.eku.status
    }
    expect(await verdictOn({ ...chain, issuer: 'google-compute-engine' })).toBe('pass')
    expect(await verdictOn(chain)).toBe('fail')
  })

  it('require an explicit trust of none', () => {
    expect(parsePolicyFile(JSON.stringify({ ...FILE, trust: 'none' })).trust).toBe('none')
  })

  it.each([
    ['not JSON', 'x'],
    ['a list', '[]'],
    ['another format', { format: 'x' }],
    ['a misspelt member', { referencevalues: {} }],
    ['no trust', { trust: undefined }],
    ['empty trust', { trust: [] }],
    ['an unknown anchor', { trust: [{ pinned: NAME }] }],
    ['two kinds in one anchor', { trust: [{ pinnedAk: NAME, akCertificate: {} }] }],
    ['a Name that is not hex', { trust: [{ pinnedAk: 'zz' }] }],
    ['a chain without roots', { trust: [{ akCertificate: { leaf: '', intermediates: [] } }] }],
    [
      'an unknown issuer of a chain',
      { trust: [{ akCertificate: { leaf: '', intermediates: [], roots: [], issuer: 'google' } }] },
    ],
    ['a number for a value', { referenceValues: { sha256: { '0': 7 } } }],
    ['PCRs as a list', { requiredPcrs: [0, 7] }],
    ['PCR 16', { requiredPcrs: 'sha256:16' }],
    ['firmware as a list', { firmware: ['0x1'] }],
    ['a Qualified Name that is not hex', { qualifiedSigner: 7 }],
  ])('%s is refused', (_, change) => {
    const text = typeof change === 'string' ? change : JSON.stringify({ ...FILE, ...change })
    expect(() => parsePolicyFile(text)).toThrow(withCode('ERR_POLICY_INVALID'))
  })

  it.each([
    ['a trust anchor', '"trust": "none", "trust": [{ "pinnedAk": "ab" }]'],
    ['under an escape', '"trust": "none", "tr\\u0075st": "none"'],
    ['with blanks', '"trust": "none", "trust"\n :"none"'],
    ['a bank', '"trust": "none", "referenceValues": { "sha256": {}, "sha256": { "7": [] } }'],
    ['in a comment', '"trust": "none", "comment": [{ "a": 1, "a": 1 }]'],
    ['the prototype', '"trust": "none", "comment": { "__proto__": 1, "__proto__": 1 }'],
  ])('with a repeated member are refused: %s', (_, members) => {
    const text = `{"format":"nomyo-attestation-policy/1","requiredPcrs":"sha256:7",${members}}`
    expect(() => parsePolicyFile(text)).toThrow(withCode('ERR_POLICY_INVALID'))
    expect(() => parsePolicyFile(text)).toThrow(/twice/)
  })

  it('may use a name in several objects, and in texts', () => {
    const comment = [{ a: 1 }, { a: { a: 'a' } }, '{"a":1,"a":1}', '\\', '"', 'trust']
    const text = JSON.stringify({ ...FILE, comment })
    expect(parsePolicyFile(text).document['comment']).toEqual(comment)
  })

  it.each([65, 100_000])('nested %d levels deep are refused', (depth) => {
    const nested = '['.repeat(depth - 1) + ']'.repeat(depth - 1)
    const text = JSON.stringify(FILE).replace('{', `{"comment":${nested},`)
    expect(() => parsePolicyFile(text)).toThrow(withCode('ERR_POLICY_INVALID'))
  })

  it('over 1 MiB are refused before they are parsed', () => {
    expect(() =>
      parsePolicyFile(JSON.stringify({ ...FILE, comment: 'x'.repeat(2 ** 20) })),
    ).toThrow(withCode('ERR_POLICY_INVALID'))
  })
})
