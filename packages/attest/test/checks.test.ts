import { describe, expect, it, vi } from 'vitest'
import {
  appraise,
  attestationPolicy,
  keyBindingExtraData,
  payloadIdExtraData,
  pinnedAk,
  requireTier,
  type AppraisalPolicy,
  type CheckId,
  type TrustAnchor,
} from '../src/index.js'
import { computeName, computeQualifiedName, parsePublic } from '../src/structures/index.js'
import { appraiseVector, bytesOf, found, idsWith, quoteVector } from './support/appraisal.js'
import {
  PCR_VALUES,
  forgeKey,
  forgeQuote,
  sized,
  u16,
  type ForgedKey,
} from '@nomyo-internal/testing/vectors/forge'
import { expectCode, withCode } from '@nomyo-internal/testing'

const NONCE = new Uint8Array(32).fill(9)
const REFERENCE = { sha256: PCR_VALUES.sha256 }

/** A policy that a forged quote satisfies, except for trust. */
const policy = (changes: Partial<AppraisalPolicy> = {}): AppraisalPolicy => ({
  nonce: { extraData: NONCE },
  requiredPcrs: 'sha256:0,7,10',
  trust: 'none',
  ...changes,
})

type Changes = Parameters<typeof forgeQuote>[1]

/** Status and code of one check of a forged quote. */
const verdict = async (id: CheckId, changes: Changes = {}, rules: Partial<AppraisalPolicy> = {}) =>
  found(await appraise(forgeQuote(NONCE, changes), policy(rules)), id)

const nameOf = (key: ForgedKey) => computeName(parsePublic(key.publicArea))
const pinning = async (key: ForgedKey): Promise<TrustAnchor[]> => [pinnedAk(await nameOf(key))]

describe('a quote that a program made', () => {
  it('passes every check but ak.trust, and has tier none', async () => {
    const result = await appraise(forgeQuote(NONCE), policy({ referenceValues: REFERENCE }))
    expect(idsWith(result, 'fail')).toEqual([])
    expect(idsWith(result, 'warn')).toEqual(['ak.trust'])
    expect(result).toMatchObject({ tier: 'none', trust: 'unendorsed', vector: {} })
    expect(result.verified).toBeUndefined()
    expect(result.claimed?.pcrs).toEqual(PCR_VALUES)
  })

  it('is contraindicated where an endorsement is required', async () => {
    const result = await appraise(forgeQuote(NONCE), policy({ trust: [] }))
    expect(found(result, 'ak.trust')).toBe('fail AK_NO_ANCHOR')
    expect(result).toMatchObject({ tier: 'contraindicated', trust: 'unendorsed' })
    expect(result.verified ?? result.claimed).toBeUndefined()
  })

  it('is not trusted for the public key of a pinned key', async () => {
    const [pinned, other] = [forgeKey(), forgeKey()]
    const quote = forgeQuote(NONCE, { key: { ...other, publicArea: pinned.publicArea } })
    const result = await appraise(quote, policy({ trust: await pinning(pinned) }))
    expect(found(result, 'ak.trust')).toBe('pass AK_PINNED')
    expect(found(result, 'signature.valid')).toBe('fail SIGNATURE_INVALID')
    expect(result).toMatchObject({
      tier: 'contraindicated',
      trust: 'unendorsed',
      vector: { 'instance-identity': 99 },
    })
    expect(result.verified).toBeUndefined()
  })

  it.each(['RSA', 'ECC'] as const)(
    'is affirming once its %s key is pinned and PCRs are known',
    async (kind) => {
      const key = forgeKey({ kind })
      const result = await appraise(
        forgeQuote(NONCE, { key }),
        policy({ trust: await pinning(key), referenceValues: REFERENCE }),
      )
      expect(result).toMatchObject({
        tier: 'affirming',
        trust: 'pinned',
        vector: { 'instance-identity': 2, configuration: 2 },
      })
      expect(result.vector).not.toHaveProperty('hardware')
    },
  )
})

describe('a quote that no TPM makes', () => {
  /** A selection of banks, by the id of the hash and the mask. */
  const select = (...banks: [number, readonly number[]][]) => ({
    select: banks.map(([hashId, mask]) => ({ hashId, mask: Buffer.from(mask) })),
  })
  const [SHA256, SHA384, SM3] = [11, 12, 0x12]
  const [PCRS, NONE] = [[0x81, 4, 0] as const, [0, 0, 0] as const]
  const PARSE = ['quote.parse', 'STRUCTURE_INVALID'] as const
  const { sha256 } = PCR_VALUES
  const additional = { sha256: { ...sha256, '8': '00'.repeat(32) } }
  const moved = { '0': '11'.repeat(31), '7': '11' + '22'.repeat(32), '10': '33'.repeat(32) }
  const seventeen = Array.from({ length: 17 }, (): [number, number[]] => [SHA256, [1]])

  it.each([
    ['bad magic', { magic: 0xff544348 }, 'quote.magic', 'MAGIC_WRONG'],
    ['another type', { type: 0x8014 }, 'quote.type', 'TYPE_WRONG'],
    ['a byte after the end', { tail: Buffer.of(0) }, ...PARSE],
    ['safe = 2', { safe: 2 }, ...PARSE],
    ['extraData of 67 bytes', { extraData: Buffer.alloc(67) }, ...PARSE],
    ['a truncated nonce', { extraData: Buffer.from(NONCE.subarray(1)) }, 'nonce', 'NONCE_MISMATCH'],
    ['a nonce extended', { extraData: Buffer.alloc(33, 9) }, 'nonce', 'NONCE_MISMATCH'],
    ['17 selections', select(...seventeen), ...PARSE],
    ['a mask of 5 bytes', select([SHA256, [...PCRS, 0, 0]]), ...PARSE],
    ['an empty mask', select([SHA256, NONE]), 'pcr.selection', 'PCR_MASK_EMPTY'],
    ['an empty bank', select([SHA256, PCRS], [SHA384, NONE]), 'pcr.selection', 'PCR_MASK_EMPTY'],
    ['no selection', select(), 'pcr.selection', 'PCR_SELECTION_EMPTY'],
    ['an unknown bank', select([SM3, PCRS]), 'pcr.selection', 'PCR_BANK_UNKNOWN'],
    ['PCR 24', select([SHA256, [...PCRS, 1]]), 'pcr.selection', 'PCR_OUT_OF_RANGE'],
    ['a bank twice', select([SHA256, PCRS], [SHA256, PCRS]), 'pcr.selection', 'PCR_BANK_TWICE'],
    ['a PCR twice', { banks: 'sha256:0,7,7,10' }, 'pcr.selection', 'PCR_BANKS_MALFORMED'],
    ['pcr_banks of other PCRs', { banks: 'sha256:0,7' }, 'pcr.selection', 'PCR_BANKS_DIFFER'],
    ['an additional value', { values: additional }, 'pcr.selection', 'PCR_VALUES_DIFFER'],
    ['another digest', { pcrDigest: Buffer.alloc(32) }, 'pcr.digest', 'PCR_DIGEST_MISMATCH'],
    ['a moved boundary', { values: { sha256: moved } }, 'pcr.digest', 'PCR_VALUE_LENGTH'],
  ] as const)('%s', async (_, changes, id, code) => {
    const result = await appraise(forgeQuote(NONCE, changes), policy())
    expect(found(result, id)).toBe(`fail ${code}`)
    expect(result.tier).toBe('contraindicated')
  })

  it('refuses a quote without a required PCR', async () => {
    expect(await verdict('pcr.selection', {}, { requiredPcrs: 'sha256:0,1' })).toBe(
      'fail PCR_REQUIRED_MISSING',
    )
  })

  it('refuses a signature over the TPM2B instead of the TPMS_ATTEST', async () => {
    expect(await verdict('signature.valid', { signed: sized })).toBe('fail SIGNATURE_INVALID')
  })

  it('refuses a digest by the hash of the bank instead of the signature', async () => {
    const result = await appraiseVector('pos-bank-sha384')
    expect(found(result, 'pcr.digest')).toBe('pass PCR_DIGEST_EQUAL')
    const key = forgeKey({ hash: 'sha384' })
    const values = bytesOf('11'.repeat(32) + '22'.repeat(32) + '33'.repeat(32))
    const pcrDigest = Buffer.from(await crypto.subtle.digest('SHA-256', values))
    expect(await verdict('pcr.digest', { key, pcrDigest })).toBe('fail PCR_DIGEST_MISMATCH')
  })
})

describe('keys that are not attestation keys', () => {
  it.each([
    ['not restricted', 0x00040072, 'AK_ATTRIBUTE_MISSING'],
    ['not sign', 0x00010072, 'AK_ATTRIBUTE_MISSING'],
    ['not fixedTPM', 0x00050070, 'AK_ATTRIBUTE_MISSING'],
    ['not fixedParent', 0x00050062, 'AK_ATTRIBUTE_MISSING'],
    ['not sensitiveDataOrigin', 0x00050052, 'AK_ATTRIBUTE_MISSING'],
    ['sign and decrypt', 0x00070072, 'AK_DECRYPTS'],
    ['reserved bit 0', 0x00050073, 'AK_ATTRIBUTE_RESERVED'],
    ['reserved bit 31', 0x80050072, 'AK_ATTRIBUTE_RESERVED'],
  ])('%s', async (_, attributes, code) => {
    expect(await verdict('ak.attributes', { key: forgeKey({ attributes }) })).toBe(`fail ${code}`)
  })

  it('allows noDA', async () => {
    const key = forgeKey({ attributes: 0x00050472 })
    expect(await verdict('ak.attributes', { key })).toBe('pass AK_RESTRICTED')
  })

  /** Replaces bytes of a public area, counted from the start of the TPMT_PUBLIC. */
  const patched = (key: ForgedKey, offset: number, bytes: Buffer): ForgedKey => {
    const publicArea = Buffer.from(key.publicArea)
    bytes.copy(publicArea, 2 + offset)
    return { ...key, publicArea }
  }
  const RSA_BITS_AT = 16
  const RSA_EXPONENT_AT = 18
  const RSA_MODULUS_AT = 24
  const ECC_X_AT = 22

  it.each([
    ['exponent 1', RSA_EXPONENT_AT, Buffer.of(0, 0, 0, 1), 'AK_RSA_EXPONENT'],
    ['exponent 3', RSA_EXPONENT_AT, Buffer.of(0, 0, 0, 3), 'AK_RSA_EXPONENT'],
    ['wrong keyBits', RSA_BITS_AT, u16(3072), 'AK_RSA_MODULUS'],
    ['keyBits 1024', RSA_BITS_AT, u16(1024), 'AK_RSA_SIZE'],
    ['a modulus without its top bit', RSA_MODULUS_AT, Buffer.of(0x7f), 'AK_RSA_MODULUS'],
    ['an even modulus', RSA_MODULUS_AT + 255, Buffer.of(2), 'AK_RSA_MODULUS'],
    ['a Name made with SHA-1', 2, u16(4), 'AK_NAME_WEAK'],
  ])('RSA with %s', async (_, offset, bytes, code) => {
    const key = patched(forgeKey({ kind: 'RSA' }), offset, bytes)
    const result = await appraise(forgeQuote(NONCE, { key }), policy())
    expect(found(result, 'ak.strength')).toBe(`fail ${code}`)
    expect(result.tier).toBe('contraindicated')
  })

  it('treats the exponent 65537 like 0', async () => {
    const key = patched(forgeKey({ kind: 'RSA' }), RSA_EXPONENT_AT, Buffer.of(0, 1, 0, 1))
    const result = await appraise(forgeQuote(NONCE, { key }), policy())
    expect(found(result, 'ak.strength')).toBe('pass AK_STRONG')
    expect(found(result, 'signature.valid')).toBe('pass SIGNATURE_VALID')
  })

  it.each([
    ['off the curve', Buffer.alloc(32, 1)],
    ['zero', Buffer.alloc(32)],
    ['beyond the field', Buffer.alloc(32, 0xff)],
  ])('a point %s', async (_, x) => {
    const key = patched(forgeKey(), ECC_X_AT, x)
    const result = await appraise(forgeQuote(NONCE, { key }), policy())
    expect(found(result, 'ak.point')).toBe('fail AK_POINT_OFF_CURVE')
    expect(found(result, 'signature.valid')).toBe('fail SIGNATURE_INVALID')
  })

  it.each([256, 384, 521] as const)(
    'finds points of real P-%i keys on their curve',
    async (curve) => {
      const hash = curve === 256 ? 'sha256' : curve === 384 ? 'sha384' : 'sha512'
      const result = await appraise(forgeQuote(NONCE, { key: forgeKey({ curve, hash }) }), policy())
      expect(found(result, 'ak.point')).toBe('pass AK_POINT_ON_CURVE')
      expect(found(result, 'signature.valid')).toBe('pass SIGNATURE_VALID')
    },
  )

  it('refuses a key without a scheme, or with another one', async () => {
    const ecc = forgeKey()
    const unbound = Buffer.concat([
      ecc.publicArea.subarray(2, 14),
      u16(0x10),
      ecc.publicArea.subarray(18),
    ])
    const scheme = (key: ForgedKey) => verdict('signature.scheme', { key })
    expect(await scheme({ ...ecc, publicArea: sized(unbound) })).toBe('fail SCHEME_NOT_OF_KEY')
    expect(await scheme({ ...ecc, hash: 'sha384' })).toBe('fail SCHEME_MISMATCH')
    const { privateKey } = forgeKey({ kind: 'RSA' })
    const swapped: ForgedKey = { ...ecc, kind: 'RSA', privateKey }
    const other = await appraise(forgeQuote(NONCE, { key: swapped }), policy())
    expect(found(other, 'signature.scheme')).toBe('fail SCHEME_NOT_OF_KEY')
    expect(found(other, 'signature.valid')).toBe('fail SIGNATURE_INVALID')
  })
})

describe('the shape of the evidence', () => {
  const whole = forgeQuote(NONCE)
  const withValues = (sha256: Record<string, string>) => ({ ...whole, pcr_values: { sha256 } })

  it.each([
    ['nothing', undefined, 'EVIDENCE_MISSING'],
    ['a list', [], 'EVIDENCE_MISSING'],
    ['not available', { is_available: false }, 'EVIDENCE_NOT_AVAILABLE'],
    ['available as a string', { ...whole, is_available: 'true' }, 'EVIDENCE_MALFORMED'],
    ['a quote that is a number', { ...whole, quote_b64: 7 }, 'EVIDENCE_MALFORMED'],
    ['a quote of 8 KiB and more', { ...whole, quote_b64: 'A'.repeat(8196) }, 'EVIDENCE_TOO_LARGE'],
    ['values as a list', { ...whole, pcr_values: [] }, 'EVIDENCE_MALFORMED'],
    ['a value that is not hex', withValues({ '0': 'zz' }), 'EVIDENCE_MALFORMED'],
    ['an index with a leading zero', withValues({ '00': 'aa' }), 'EVIDENCE_MALFORMED'],
    ['members of a prototype', Object.create(whole), 'EVIDENCE_MALFORMED'],
  ])('%s', async (_, evidence, code) => {
    const result = await appraise(evidence, policy())
    expect(found(result, 'evidence.shape')).toBe(`fail ${code}`)
    expect(result.tier).toBe('contraindicated')
  })

  it('gives a result when a getter throws', async () => {
    const getOwnPropertyDescriptor = () => {
      throw new Error('trap')
    }
    const trap = new Proxy({}, { getOwnPropertyDescriptor })
    const result = await appraise(trap, policy())
    expect(result.tier).toBe('contraindicated')
    expect(idsWith(result, 'fail')).toHaveLength(result.checks.length)
  })

  it('gives a result when the thrown value throws again', async () => {
    const error = Object.defineProperty(new Error(), 'message', {
      get: () => {
        throw new Error('again')
      },
    })
    const evidence = {
      get is_available() {
        throw error
      },
    }
    expect((await appraise(evidence, policy())).tier).toBe('contraindicated')
  })

  it.each(['hardware', 'sha256:0 sha256', '\u001b[2J'])(
    'refuses a bank named %j without repeating its name',
    async (bank) => {
      const { '0': _, ...values } = PCR_VALUES.sha256
      const result = await appraise(
        { ...whole, pcr_values: { sha256: values, [bank]: { '0': '00' } } },
        policy(),
      )
      expect(found(result, 'pcr.selection')).toBe('fail PCR_VALUES_DIFFER')
      expect(JSON.stringify(result)).not.toContain(JSON.stringify(bank).slice(1, -1))
    },
  )

  it('counts values before it parses them', async () => {
    const values = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [index, '00']))
    const entries = vi.spyOn(Object, 'entries')
    const result = await appraise(withValues(values), policy())
    const read = entries.mock.calls.some(([object]) => object === values)
    entries.mockRestore()
    expect(found(result, 'evidence.shape')).toBe('fail EVIDENCE_MALFORMED')
    expect(read).toBe(false)
  })

  it('ignores unknown members', async () => {
    const result = await appraise({ ...whole, verified: true, __proto__: null }, policy())
    expect(idsWith(result, 'fail')).toEqual([])
    expect(JSON.stringify(result)).not.toContain('"verified"')
  })
})

describe('nonces', () => {
  it.each([
    ['short bytes', { extraData: new Uint8Array(15) }],
    ['a short payload id', { payloadId: 'short', mode: 'sha256' }],
    ['a key binding with a short nonce', { nonce: new Uint8Array(8), spki: new Uint8Array(4) }],
  ] as const)('refuses %s', async (_, nonce) => {
    const quote = forgeQuote(
      'payloadId' in nonce ? await payloadIdExtraData(nonce.payloadId) : NONCE,
    )
    expect(found(await appraise(quote, policy({ nonce })), 'nonce')).toBe('fail NONCE_TOO_SHORT')
  })

  it('is the hash of a payload id, never the id itself', async () => {
    const { payload_id: payloadId } = quoteVector('pos-ecdsa-p256')
    const hashed = { nonce: { payloadId, mode: 'sha256' } } as const
    const bytes = { nonce: { extraData: new TextEncoder().encode(payloadId) } }
    const nonce = async (name: string, rules: Partial<AppraisalPolicy>) =>
      found(await appraiseVector(name, rules), 'nonce')
    expect(await nonce('pos-ecdsa-p256', hashed)).toBe('pass NONCE_EQUAL')
    expect(await nonce('pos-ecdsa-p256-raw', bytes)).toBe('pass NONCE_EQUAL')
    expect(await nonce('pos-ecdsa-p256', bytes)).toBe('fail NONCE_MISMATCH')
    expect(await nonce('pos-ecdsa-p256-raw', hashed)).toBe('fail NONCE_MISMATCH')
  })

  it('does not affect PCR verdicts', async () => {
    const right = await appraiseVector('pos-pcr-reference-values')
    const wrong = await appraiseVector('pos-pcr-reference-values', { nonce: { extraData: NONCE } })
    const pcr = (result: typeof right) => result.checks.filter(({ id }) => id.startsWith('pcr.'))
    expect(found(wrong, 'nonce')).toBe('fail NONCE_MISMATCH')
    expect(pcr(wrong)).toEqual(pcr(right))
  })
})

describe('key bindings', () => {
  const spki = new Uint8Array(550).fill(3)
  const nonce = { nonce: NONCE, spki }

  it('names the key that the quote endorses', async () => {
    const key = forgeKey()
    const quote = forgeQuote(await keyBindingExtraData(nonce), { key })
    const result = await appraise(quote, policy({ nonce, trust: await pinning(key) }))
    expect(found(result, 'binding')).toBe('pass KEY_BOUND')
    expect(result.verified?.boundKey).toMatch(/^[0-9a-f]{64}$/)
  })

  it('refuses another key and another nonce', async () => {
    const quote = forgeQuote(await keyBindingExtraData(nonce))
    const changes = [{ spki: new Uint8Array(550) }, { nonce: new Uint8Array(32) }]
    for (const other of changes.map((change) => ({ ...nonce, ...change }))) {
      const result = await appraise(quote, policy({ nonce: other }))
      expect(found(result, 'binding')).toBe('fail KEY_NOT_BOUND')
      expect(found(result, 'nonce')).toBe('fail NONCE_MISMATCH')
      expect(result.claimed).toBeUndefined()
    }
  })

  it('names the key that the quote was compared with', async () => {
    const key = forgeKey()
    const changing = { nonce: NONCE.slice(), spki: spki.slice() }
    const quote = forgeQuote(await keyBindingExtraData(changing), { key })
    const [pinned] = await pinning(key)
    const anchor: TrustAnchor = {
      kind: 'pinned-ak',
      endorse: async (...given) => {
        changing.spki.fill(7)
        return (await pinned?.endorse(...given))!
      },
    }
    const result = await appraise(quote, policy({ nonce: changing, trust: [anchor] }))
    const hash = await crypto.subtle.digest('SHA-256', spki)
    expect(result.verified?.boundKey).toBe(Buffer.from(hash).toString('hex'))
  })

  it('is skipped for a quote about a payload id', async () => {
    expect(await verdict('binding')).toBe('skip BINDING_NOT_ASKED')
  })
})

describe('reference values, clock, firmware and time', () => {
  it('refuses an unknown value', async () => {
    const referenceValues = { sha256: { '7': ['00'.repeat(32), '44'.repeat(32)] } }
    expect(await verdict('pcr.policy', {}, { referenceValues })).toBe('fail PCR_REFERENCE_MISMATCH')
  })

  it('refuses a reference value of an unquoted PCR', async () => {
    const referenceValues = { sha256: { '1': '11'.repeat(32) } }
    expect(await verdict('pcr.policy', {}, { referenceValues })).toBe(
      'fail PCR_REFERENCE_NOT_QUOTED',
    )
  })

  const first = async (key: ForgedKey) => {
    const { claimed } = await appraise(forgeQuote(NONCE, { key, restartCount: 2 }), policy())
    if (claimed === undefined) throw new Error('nothing claimed')
    return claimed
  }
  const [ALLOWED, CHANGED] = ['pass FIRMWARE_ALLOWED', 'fail FIRMWARE_CHANGED']

  it.each([
    ['nothing', { restartCount: 2 }, 'pass CLOCK_CONTINUES', ALLOWED],
    ['a reset', { resetCount: 2 }, 'fail CLOCK_RESET', ALLOWED],
    ['a resume', { restartCount: 3 }, 'fail CLOCK_RESTARTED', ALLOWED],
    ['a clock turned back', { restartCount: 2, clock: 999n }, 'fail CLOCK_TURNED_BACK', ALLOWED],
    ['other firmware', { restartCount: 2, firmware: 1n }, 'pass CLOCK_CONTINUES', CHANGED],
    ['an unclean shutdown', { restartCount: 2, safe: 0 }, 'warn CLOCK_NOT_SAFE', ALLOWED],
  ])('since an earlier quote: %s', async (_, changes, clock, firmware) => {
    const key = forgeKey()
    const previous = JSON.parse(JSON.stringify(await first(key)))
    const result = await appraise(forgeQuote(NONCE, { key, ...changes }), policy({ previous }))
    expect(found(result, 'clock')).toBe(clock)
    expect(found(result, 'firmware')).toBe(firmware)
  })

  it('compares quotes of one key under two Names', async () => {
    const key = forgeKey()
    const previous = await first(key)
    // noDA is not an attribute of attestation keys; a certificate does not cover it.
    const publicArea = Buffer.from(key.publicArea)
    publicArea.writeUInt32BE(0x00050472, 6)
    const relabelled = forgeQuote(NONCE, { key: { ...key, publicArea }, resetCount: 9 })
    const result = await appraise(relabelled, policy({ previous }))
    expect(found(result, 'clock')).toBe('fail CLOCK_RESET')
  })

  it('refuses a quote of another key, whose clock proves no continuity', async () => {
    const previous = { ...(await first(forgeKey())), qualifiedSigner: '000b' }
    expect(await verdict('clock', {}, { previous })).toBe('fail CLOCK_OTHER_KEY')
  })

  it('refuses firmware that is not allowed', async () => {
    const firmware = { allowed: ['0x1'] }
    expect(await verdict('firmware', {}, { firmware })).toBe('fail FIRMWARE_NOT_ALLOWED')
  })

  it.each([
    [0, 'pass FRESH'],
    [5000, 'pass FRESH'],
    [5001, 'fail NOT_FRESH'],
    [-1, 'fail NOT_FRESH'],
  ])('evidence %i ms after the nonce', async (age, expected) => {
    const now = new Date(1_800_000_000_000)
    const freshness = { nonceMadeAt: new Date(now.getTime() - age), maxAgeMs: 5000 }
    expect(await verdict('freshness', {}, { now, freshness })).toBe(expected)
  })
})

describe('the place of the key', () => {
  it('recognizes a primary key of the endorsement hierarchy', async () => {
    expect((await appraiseVector('pos-primary-endorsement')).claimed?.hierarchy).toBe('endorsement')
    expect((await appraiseVector('pos-rsassa-sha256')).claimed).not.toHaveProperty('hierarchy')
  })

  it('refuses an unexpected Qualified Name', async () => {
    const key = forgeKey()
    const expected = await computeQualifiedName('endorsement', await nameOf(key))
    const trust = await pinning(key)
    const rules = policy({ trust, qualifiedSigner: expected })
    const quote = forgeQuote(NONCE, { key, qualifiedSigner: Buffer.from(expected) })
    const right = await appraise(quote, rules)
    const wrong = await appraise(forgeQuote(NONCE, { key }), rules)
    expect(found(right, 'ak.name')).toBe('pass AK_NAME_KNOWN')
    expect(right.verified?.hierarchy).toBe('endorsement')
    expect(found(wrong, 'ak.name')).toBe('fail AK_QUALIFIED_NAME')
  })
})

describe('anchors and logs that misbehave', () => {
  it('an anchor that throws endorses nothing', async () => {
    const endorse = () => Promise.reject(new Error('broken'))
    const trust: TrustAnchor[] = [{ kind: 'pinned-ak', endorse }]
    expect(await verdict('ak.trust', {}, { trust })).toBe('fail ANCHOR_FAILED')
  })

  it('one anchor of several is enough', async () => {
    const key = forgeKey()
    const trust = [...(await pinning(forgeKey())), ...(await pinning(key))]
    expect((await appraise(forgeQuote(NONCE, { key }), policy({ trust }))).trust).toBe('pinned')
  })

  it('a log is appraised only by quoted PCRs', async () => {
    const seen: unknown[] = []
    const eventLog = {
      appraise: (quoted: unknown) => {
        seen.push(quoted)
        return { status: 'warn', code: 'X', detail: '' } as const
      },
    }
    await appraise(forgeQuote(NONCE), policy({ eventLog }))
    const unsigned = await verdict('eventlog', { pcrDigest: Buffer.alloc(32) }, { eventLog })
    expect(seen).toEqual([PCR_VALUES])
    expect(unsigned).toBe('fail LOG_WITHOUT_PCRS')
  })
})

describe('policies that cannot be used', () => {
  it.each([
    ['no trust', { trust: undefined }],
    ['trust as a boolean', { trust: true }],
    ['no PCRs', { requiredPcrs: [] }],
    ['a bank without PCRs', { requiredPcrs: [{ hash: 'sha256', pcrs: [] }] }],
    ['PCRs without an index', { requiredPcrs: 'sha256' }],
    ['PCR 16', { requiredPcrs: 'sha256:0,16' }],
    ['PCR 23', { referenceValues: { sha256: { '23': '00'.repeat(32) } } }],
    ['an unknown bank', { referenceValues: { md5: { '0': '00'.repeat(16) } } }],
    ['empty reference values', { referenceValues: { sha256: {} } }],
    ['a reference value too short', { referenceValues: { sha256: { '0': '00'.repeat(31) } } }],
    ['an empty list of reference values', { referenceValues: { sha256: { '0': [] } } }],
    ['freshness without now', { freshness: { nonceMadeAt: new Date(0), maxAgeMs: 1 } }],
    ['firmware in decimal', { firmware: { allowed: ['12'] } }],
    ['a whole earlier result', { previous: { akName: '', clock: {}, firmwareVersion: '' } }],
    ['no nonce', { nonce: undefined }],
    ['a nonce as a string', { nonce: { extraData: 'abc' } }],
    ['a payload id that is not a string', { nonce: { payloadId: 5, mode: 'sha256' } }],
    ['a payload id without its hash', { nonce: { payloadId: 'an id of sixteen', mode: 'raw' } }],
    ['null PCRs', { requiredPcrs: [null] }],
    ['a bank without a list of PCRs', { requiredPcrs: [{ hash: 'sha256' }] }],
    ['PCRs as strings', { requiredPcrs: [{ hash: 'sha256', pcrs: ['zero'] }] }],
    ['null reference values', { referenceValues: null }],
    ['a null bank', { referenceValues: { sha256: { '0': '00'.repeat(32) }, sha384: null } }],
    ['a reference value that is a number', { referenceValues: { sha256: { '0': 5 } } }],
    ['firmware without a list', { firmware: {} }],
    ['an empty earlier result', { previous: {} }],
    ['a Qualified Name in hex', { qualifiedSigner: '000b' }],
  ])('%s', async (_, changes) => {
    const bad = { ...policy(), ...changes } as AppraisalPolicy
    await expectCode(appraise(forgeQuote(NONCE), bad), 'ERR_POLICY_INVALID')
  })

  it('null', async () => {
    await expectCode(appraise(forgeQuote(NONCE), undefined as never), 'ERR_POLICY_INVALID')
  })

  it.each([
    ['no Name', []],
    ['a hash without its algorithm', [new Uint8Array(32)]],
    ['a SHA-1 Name', [Uint8Array.of(0, 4, ...new Uint8Array(20))]],
  ])('pinning %s', (_, names) => {
    expect(() => pinnedAk(...names)).toThrow(withCode('ERR_POLICY_INVALID'))
  })
})

describe('requireTier', () => {
  it('accepts the required tier and better ones', async () => {
    const none = await appraise(forgeQuote(NONCE), policy())
    const warning = await appraiseVector('pos-pinned-ak')
    expect(() => requireTier(none, 'none')).not.toThrow()
    expect(() => requireTier(none, 'warning')).toThrow(
      expect.objectContaining({ code: 'ERR_ATTESTATION_FAILED', result: none }),
    )
    expect(() => requireTier(warning, 'warning')).not.toThrow()
    expect(() => requireTier(warning, 'affirming')).toThrow(
      expect.objectContaining({ name: 'AttestationError' }),
    )
    const contraindicated = await appraiseVector('neg-bitflip-signature')
    expect(() => requireTier(contraindicated, 'none')).toThrow(withCode('ERR_ATTESTATION_FAILED'))
  })

  it.each([undefined, 'Affirming', 'endorsed', 'constructor', '__proto__'])(
    'refuses every result for the unknown tier %j',
    async (tier) => {
      const result = await appraiseVector('pos-pinned-ak')
      const refusal = withCode('ERR_ATTESTATION_FAILED')
      expect(() => requireTier(result, tier as 'none')).toThrow(refusal)
      expect(() => requireTier({ ...result, tier: tier as 'none' }, 'none')).toThrow(refusal)
    },
  )

  it('throws an error that survives JSON', async () => {
    const result = await appraise(forgeQuote(NONCE), policy())
    try {
      requireTier(result, 'affirming')
      expect.unreachable()
    } catch (error) {
      expect(JSON.parse(JSON.stringify(error))).toMatchObject({
        code: 'ERR_ATTESTATION_FAILED',
        result: { tier: 'none' },
      })
    }
  })
})

describe('a policy for many quotes', () => {
  const { nonce: _, ...rules } = policy({ referenceValues: REFERENCE })

  it('appraises as appraise does', async () => {
    const expectation = { nonce: { extraData: NONCE } }
    const appraised = attestationPolicy(rules)
    const quote = forgeQuote(NONCE)
    expect(await appraised.appraise(quote, expectation)).toEqual(
      await appraise(quote, { ...rules, ...expectation }),
    )
    const other = { nonce: { extraData: new Uint8Array(32) } }
    expect(found(await appraised.appraise(quote, other), 'nonce')).toBe('fail NONCE_MISMATCH')
  })

  it('is validated on creation', () => {
    expect(() => attestationPolicy({ ...rules, requiredPcrs: '' })).toThrow(
      withCode('ERR_POLICY_INVALID'),
    )
  })
})
