import { tpmVector } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import { measuredBoot, type PcrValues, type ProvenEvent } from '../../src/eventlog/index.js'
import { appraise, pinnedAk } from '../../src/index.js'
import { computeName, parsePublic } from '../../src/structures/index.js'
import { akCertificate } from '../../src/x509/index.js'
import { policyOf, quoteVector } from './appraisal.js'
import { EC_AK, ENDORSED, NOW, akLeaf, authority, outcome } from './certificates.js'

const SAMPLES = ['pos-ecdsa-p256', 'pos-rsassa-sha256', 'pos-ecdsa-p384', 'pos-tpm2b-attest']
const MEMBERS = ['quote_b64', 'signature_b64', 'aik_pubkey_b64'] as const

/**
 * Defines the tests that flip single bits of evidence, certificates and event logs.
 *
 * @param step - flips every bit whose number is a multiple of it
 */
export function testBitFlips(step: number): void {
  describe.each(SAMPLES)('a single flipped bit of %s', (name) => {
    const { tpm_attestation: evidence, ...vector } = quoteVector(name)

    it.each(MEMBERS)('is refused in %s', async (member) => {
      const whole = Buffer.from(String(evidence[member]), 'base64')
      const policy = policyOf({ ...vector, tpm_attestation: evidence })
      // Only its Name covers the attributes of a key, so nothing does where no Name is known.
      const pinned = member === 'aik_pubkey_b64' && {
        trust: [pinnedAk(await computeName(parsePublic(whole)))],
      }
      for (const [bit, flipped] of bitFlips(whole, step)) {
        const changed = { ...evidence, [member]: Buffer.from(flipped).toString('base64') }
        const result = await appraise(changed, { ...policy, ...pinned })
        expect(result.tier, `bit ${bit}`).toBe('contraindicated')
        expect(result.claimed).toBeUndefined()
      }
    })
  })

  describe('a single flipped bit of a certificate', () => {
    const root = authority('root')
    const issuer = authority('issuer', root)
    const sound = akLeaf(issuer)

    const outcomeOf = async (leaf: Uint8Array, intermediate: Uint8Array) => {
      const chain = { leaf, intermediates: [intermediate], roots: [root.certificate] }
      const key = { publicArea: EC_AK, name: new Uint8Array(34) }
      return outcome(await akCertificate(chain).endorse(key, NOW))
    }

    it('refuses the leaf', async () => {
      expect(await outcomeOf(sound, issuer.certificate)).toEqual(ENDORSED)
      for (const [bit, flipped] of bitFlips(sound, step)) {
        const { trust } = await outcomeOf(flipped, issuer.certificate)
        expect(trust, `bit ${bit}`).toBe('unendorsed')
      }
    })

    it('refuses the intermediate', async () => {
      for (const [bit, flipped] of bitFlips(issuer.certificate, step)) {
        expect((await outcomeOf(sound, flipped))['trust'], `bit ${bit}`).toBe('unendorsed')
      }
    })
  })

  it('a single flipped bit of an event log changes no PCR, proven data or strong digest that replays', () => {
    const vector = tpmVector<{ eventlog_b64: string; pcr_values: PcrValues }>('eventlog')
    const whole = new Uint8Array(Buffer.from(vector.eventlog_b64, 'base64'))
    /** The events of a log that replays, or undefined. */
    const measured = (log: Uint8Array): readonly ProvenEvent[] | undefined => {
      const events: ProvenEvent[] = []
      const allow = (event: ProvenEvent) => events.push(event) > 0
      const { status } = measuredBoot({ log, allow }).appraise(vector.pcr_values)
      return status === 'pass' ? events : undefined
    }
    const sound = measured(whole)
    expect(sound?.length).toBeGreaterThan(0)
    for (const [, log] of bitFlips(whole, step)) {
      const events = measured(log)
      if (events === undefined) continue
      const fact = ({ pcr, digests, isDataProven, data }: ProvenEvent, at: number) => {
        const { sha256, sha384 } = digests
        return { pcr, sha256, sha384, data: isDataProven ? data : sound?.[at]?.data }
      }
      expect(events.map(fact)).toEqual(sound?.map(fact))
    }
  })
}

function* bitFlips(bytes: Uint8Array, step: number): Generator<readonly [number, Uint8Array]> {
  for (let bit = 0; bit < bytes.length * 8; bit += step) {
    const flipped = new Uint8Array(bytes)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    yield [bit, flipped]
  }
}
