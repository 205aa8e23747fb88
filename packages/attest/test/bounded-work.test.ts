import { afterEach, describe, expect, it, vi } from 'vitest'
import { TpmParseError } from '../src/errors.js'
import { parseEventLog } from '../src/eventlog/index.js'
import { parseImaLog } from '../src/ima/index.js'
import { appraise } from '../src/index.js'
import { parsePolicyFile } from '../src/policy/file.js'
import { Reader } from '../src/structures/reader.js'
import { akCertificate } from '../src/x509/index.js'
import { EC_AK, NOW, akLeaf, authority } from './support/certificates.js'
import { event, header } from './support/event-log.js'
import { policyOf, quoteVector } from './support/appraisal.js'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Counts the operations of WebCrypto while `work` runs. */
async function operationsOf(work: () => unknown): Promise<number> {
  const names = ['verify', 'importKey', 'digest'] as const
  const spies = names.map((name) => vi.spyOn(crypto.subtle, name))
  await work()
  return spies.reduce((sum, { mock }) => sum + mock.calls.length, 0)
}

describe('the work for hostile evidence is bounded', () => {
  const root = authority('root')
  const issuer = authority('issuer', root)
  const leaf = akLeaf(issuer)
  const key = { publicArea: EC_AK, name: new Uint8Array(34) }

  it('for a chain with a thousand intermediates of one name', async () => {
    const intermediates = Array.from({ length: 1000 }, () => issuer.certificate)
    const anchor = akCertificate({ leaf, intermediates, roots: [root.certificate] })
    expect(await operationsOf(() => anchor.endorse(key, NOW))).toBeLessThan(100)
  })

  it('for intermediates that issue each other', async () => {
    const one = authority('one')
    const other = authority('other', one)
    const intermediates = [one.certificate, other.certificate, one.certificate, other.certificate]
    const anchor = akCertificate({ leaf: akLeaf(other), intermediates, roots: [root.certificate] })
    expect(await operationsOf(() => anchor.endorse(key, NOW))).toBeLessThan(100)
  })

  it('for an event log with more events than any machine has', () => {
    const smallest = event(['sha1'], { pcr: 0, type: 1, data: new Uint8Array() })
    const log = Buffer.concat([header(['sha1']), ...Array<Buffer>(300_000).fill(smallest)])
    const reads = vi.spyOn(Reader.prototype, 'u32')
    expect(() => parseEventLog(log)).toThrow(TpmParseError)
    // Index, type, number of digests and size of each of 100,000 events.
    expect(reads.mock.calls.length).toBeLessThan(400_100)
  })

  it('for logs above their limits, which are not read', () => {
    const reads = vi.spyOn(Reader.prototype, 'take')
    expect(() => parseEventLog(new Uint8Array(16 * 2 ** 20 + 1))).toThrow(TpmParseError)
    expect(reads).not.toHaveBeenCalled()
    const indexOf = vi.spyOn(String.prototype, 'indexOf')
    expect(() => parseImaLog('\n'.repeat(16 * 2 ** 20 + 1))).toThrow(TpmParseError)
    expect(indexOf).not.toHaveBeenCalled()
  })

  it('for evidence with members without end', async () => {
    const vector = quoteVector('pos-ecdsa-p256')
    const usual = await operationsOf(() => appraise(vector.tpm_attestation, policyOf(vector)))
    vi.restoreAllMocks()
    const many = Object.fromEntries(
      Array.from({ length: 100_000 }, (_, at) => [at, '00'.repeat(32)]),
    )
    const hostile = {
      ...vector.tpm_attestation,
      ...many,
      pcr_values: {
        sha256: many,
        ...Object.fromEntries(Object.keys(many).map((name) => [name, {}])),
      },
      quote_b64: 'AAAA'.repeat(1_000_000),
    }
    const work = await operationsOf(async () => {
      expect((await appraise(hostile, policyOf(vector))).tier).toBe('contraindicated')
    })
    expect(work).toBeLessThanOrEqual(usual)
  })

  it('for a policy of trust anchors alone: a few operations for each', async () => {
    const pem = (der: Uint8Array): string =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`
    const anchors = Array.from({ length: 100 }, () => ({
      akCertificate: {
        leaf: pem(leaf),
        intermediates: [pem(issuer.certificate)],
        roots: [pem(root.certificate)],
      },
    }))
    const policy = parsePolicyFile(
      JSON.stringify({
        format: 'nomyo-attestation-policy/1',
        requiredPcrs: 'sha256:0',
        trust: anchors,
      }),
    )
    const vector = quoteVector('pos-ecdsa-p256')
    const nonce = { extraData: new Uint8Array(32) }
    const work = () => appraise(vector.tpm_attestation, { ...policy, nonce, now: NOW })
    expect(await operationsOf(work)).toBeLessThan(100 * 10 + 100)
  })
})
