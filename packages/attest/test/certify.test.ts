import { tpmVector } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import {
  certifiedBy,
  pcrPolicyDigest,
  verifyCertify,
  verifyCreation,
} from '../src/certify/index.js'
import { appraise, pinnedAk, type TrustAnchor } from '../src/index.js'
import { computeName, parsePublic } from '../src/structures/index.js'
import { akCertificate } from '../src/x509/index.js'
import { bytesOf, found, idsWith } from './support/appraisal.js'
import { NOW, akLeaf, authority, spkiOf } from './support/certificates.js'
import {
  forgeKey,
  forgeQuote,
  signBytes,
  sized,
  u16,
  u32,
  u64,
  u8,
  type ForgedKey,
} from '@nomyo-internal/testing/vectors/forge'
import { expectCode } from '@nomyo-internal/testing'

interface CertifyVector {
  nonce: string
  attest_b64: string
  signature_b64: string
  aik_pubkey_b64: string
  certified_pubkey_b64: string
  certified_name: string
  auth_policy: string
  policy_pcrs: { sha256: Record<string, string> }
}

const load = (name: string) => tpmVector<CertifyVector>(name)
const decode = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
const evidenceOf = (vector: CertifyVector) => ({
  attest: decode(vector.attest_b64),
  signature: decode(vector.signature_b64),
  akPublic: decode(vector.aik_pubkey_b64),
  certifiedPublic: decode(vector.certified_pubkey_b64),
})
const pinned = async (vector: CertifyVector) => [
  pinnedAk(await computeName(parsePublic(decode(vector.aik_pubkey_b64)))),
]
const policyOf = async (vector: CertifyVector) => ({
  nonce: { extraData: bytesOf(vector.nonce) },
  trust: await pinned(vector),
})

describe('keys that a TPM certified', () => {
  it.each(['certify-rsa2048-oaep', 'certify-p256-ecdh'])('%s', async (name) => {
    const vector = load(name)
    const result = await verifyCertify(evidenceOf(vector), await policyOf(vector))
    expect(idsWith(result, 'fail')).toEqual([])
    expect(result).toMatchObject({ tier: 'warning', trust: 'pinned' })
    expect(result.verified?.certifiedName).toBe(vector.certified_name)
  })

  it('a key whose policy is a PCR state', async () => {
    const vector = load('certify-creation-pcr-policy')
    const pcrs = Object.keys(vector.policy_pcrs.sha256).map(Number)
    const authPolicy = await pcrPolicyDigest([{ hash: 'sha256', pcrs }], vector.policy_pcrs)
    expect(Buffer.from(authPolicy).toString('hex')).toBe(vector.auth_policy)
    const policy = { ...(await policyOf(vector)), authPolicy }
    const result = await verifyCreation(evidenceOf(vector), policy)
    expect(found(result, 'pcr.policy')).toBe('pass AUTH_POLICY_EQUAL')
    expect(result.tier).toBe('affirming')

    const other = { ...vector.policy_pcrs.sha256, '7': '00'.repeat(32) }
    const elsewhere = await pcrPolicyDigest([{ hash: 'sha256', pcrs }], { sha256: other })
    const refused = await verifyCreation(evidenceOf(vector), { ...policy, authPolicy: elsewhere })
    expect(found(refused, 'pcr.policy')).toBe('fail AUTH_POLICY_MISMATCH')
  })

  it('refuses an authPolicy that can be avoided', async () => {
    const vector = load('certify-p256-ecdh')
    const policy = { ...(await policyOf(vector)), authPolicy: new Uint8Array() }
    const result = await verifyCertify(evidenceOf(vector), policy)
    expect(found(result, 'pcr.policy')).toBe('fail AUTH_POLICY_AVOIDABLE')
  })

  it('refuses another object, another nonce, another type of statement', async () => {
    const vector = load('certify-p256-ecdh')
    const policy = await policyOf(vector)
    const swapped = { ...evidenceOf(vector), certifiedPublic: evidenceOf(vector).akPublic }
    expect(found(await verifyCertify(swapped, policy), 'binding')).toBe('fail OBJECT_NOT_NAMED')
    const creation = await verifyCreation(evidenceOf(vector), policy)
    expect(found(creation, 'quote.type')).toBe('fail TYPE_WRONG')
    const replayed = { ...policy, nonce: { extraData: new Uint8Array(32) } }
    const result = await verifyCertify(evidenceOf(vector), replayed)
    expect(found(result, 'nonce')).toBe('fail NONCE_MISMATCH')
    expect(result.verified).toBeUndefined()
    const cut = { ...evidenceOf(vector), certifiedPublic: new Uint8Array(3) }
    expect(found(await verifyCertify(cut, policy), 'binding')).toBe('fail STRUCTURE_INVALID')
  })

  it.each([
    ['that could leave its TPM', 0x00020040, 0x0b, 'OBJECT_ATTRIBUTE_MISSING'],
    ['whose Name is made with SHA-1', 0x00020072, 4, 'OBJECT_NAME_WEAK'],
  ])('refuses an object %s', async (_, attributes, nameAlgorithm, code) => {
    const [ak, { publicArea: certifiedPublic }] = [forgeKey(), forgeKey({ attributes })]
    u16(nameAlgorithm).copy(certifiedPublic, 4)
    const name = await computeName(parsePublic(certifiedPublic))
    const attest = certification(name, { extraData: Buffer.alloc(32, 1) })
    const result = await verifyCertify(
      { attest, signature: signBytes(ak, attest), akPublic: ak.publicArea, certifiedPublic },
      { nonce: { extraData: new Uint8Array(32).fill(1) }, trust: 'none' },
    )
    expect(found(result, 'binding')).toBe(`fail ${code}`)
    expect(result.claimed).toBeUndefined()
  })

  it('pcrPolicyDigest requires every value', async () => {
    const selection = [{ hash: 'sha256', pcrs: [0] }] as const
    await expectCode(pcrPolicyDigest(selection, {}), 'ERR_POLICY_INVALID')
  })
})

/** A TPMS_ATTEST of TPM2_Certify. */
function certification(
  name: Uint8Array,
  { magic = 0xff544347, type = 0x8017, extraData = Buffer.alloc(0) } = {},
): Buffer {
  const id = Buffer.concat([u16(0xb), Buffer.alloc(32, 5)])
  const clock = [u64(1n), u32(1), u32(0), u8(1)]
  const firmware = u64(1n)
  const head = [u32(magic), u16(type), sized(id), sized(extraData), ...clock, firmware]
  return Buffer.concat([...head, sized(Buffer.from(name)), sized(id)])
}

describe('certifiedBy', () => {
  const NONCE = new Uint8Array(32).fill(4)
  const nameOf = (key: ForgedKey) => computeName(parsePublic(key.publicArea))
  const signed = (attest: Buffer, signer: ForgedKey) => ({
    attest,
    signature: signBytes(signer, attest),
    akPublic: signer.publicArea,
  })
  const appraisedBy = (anchor: TrustAnchor, key: ForgedKey) =>
    appraise(forgeQuote(NONCE, { key }), {
      nonce: { extraData: NONCE },
      requiredPcrs: 'sha256:0',
      trust: [anchor],
      now: NOW,
    })
  const chain = async (
    changes: { signer?: ForgedKey; name?: Uint8Array; magic?: number; type?: number } = {},
  ) => {
    const [ak, longLived] = [forgeKey(), forgeKey({ kind: 'RSA' })]
    const attest = certification(changes.name ?? (await nameOf(ak)), changes)
    const parent = pinnedAk(await nameOf(longLived))
    const anchor = certifiedBy(parent, signed(attest, changes.signer ?? longLived))
    return appraisedBy(anchor, ak)
  }

  it('extends the trust in the long-lived key', async () => {
    const result = await chain()
    expect(result).toMatchObject({ trust: 'pinned', tier: 'warning' })
    expect(found(result, 'ak.trust')).toBe('pass AK_PINNED')
  })

  it('does not attribute the certificate of the long-lived key to the new one', async () => {
    const [ak, longLived, root] = [forgeKey(), forgeKey(), authority('root')]
    const attest = certification(await nameOf(ak))
    const parent = akCertificate({
      leaf: akLeaf(root, { spki: spkiOf(parsePublic(longLived.publicArea)) }),
      roots: [root.certificate],
    })
    const result = await appraisedBy(certifiedBy(parent, signed(attest, longLived)), ak)
    expect(result.trust).toBe('endorsed')
    expect(found(result, 'ak.certificate.key')).toBe('skip CERTIFICATE_NOT_GIVEN')
  })

  it('refuses a certification of another key', async () => {
    const result = await chain({ name: await nameOf(forgeKey()) })
    expect(found(result, 'ak.trust')).toBe('fail AK_NOT_CERTIFIED')
  })

  it.each([
    ['of another type', { type: 0x8018 }],
    ['with bad magic', { magic: 0xff544348 }],
    ['by an unrestricted key', { signer: forgeKey({ attributes: 0x00040072 }) }],
  ])('refuses a certification %s', async (_, changes) => {
    expect(found(await chain(changes), 'ak.trust')).toBe('fail AK_NOT_CERTIFIED')
  })

  it('refuses a certification by an unendorsed key', async () => {
    expect(found(await chain({ signer: forgeKey() }), 'ak.trust')).toBe('fail AK_NOT_PINNED')
  })

  it('refuses a signature by another key', async () => {
    const longLived = forgeKey()
    const forged = { ...forgeKey(), publicArea: longLived.publicArea }
    expect(found(await chain({ signer: forged }), 'ak.trust')).toBe('fail AK_NOT_CERTIFIED')
  })
})
