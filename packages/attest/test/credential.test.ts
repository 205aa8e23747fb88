import {
  constants,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  privateDecrypt,
  type JsonWebKey,
} from 'node:crypto'
import { tpmVector } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import { PolicyError } from '../src/errors.js'
import { checkedEk } from '../src/credential/endorsement-key.js'
import {
  activatedAk,
  makeCredential,
  pinnedEk,
  type ActivationRecord,
  type CredentialBlob,
  type EkAnchor,
} from '../src/credential/index.js'
import { encryptCredential } from '../src/credential/make-credential.js'
import {
  TPMA_OBJECT,
  computeName,
  parsePublic,
  type RsaPublic,
  type TpmtPublic,
} from '../src/structures/index.js'
import { ekCertificate } from '../src/x509/index.js'
import { EC_AK, NOW, hex } from './support/certificates.js'

interface KnownAnswer {
  ek_private_jwk_test_only: JsonWebKey
  ak_name: string
  seed: string
  secret: string
  id_object_b64: string
  encrypted_secret_b64: string
}

interface Activated {
  ek_pubkey_b64: string
  ak_name: string
  secret: string
  activated_secret: string
  id_object_b64: string
}

interface EkVector {
  ek_certificate_pem: string
  issuer_pem: string
  root_pem: string
  ek_pubkey_b64: string
}

const bytesOf = (text: string) => new Uint8Array(hex(text))
const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
const known = tpmVector<KnownAnswer>('credential-known-answer')
const activated = tpmVector<Activated>('credential-activated')
const ekVector = tpmVector<EkVector>('ek-rsa2048')

/** The EK of swtpm. */
const EK = parsePublic(fromBase64(activated.ek_pubkey_b64)) as RsaPublic
const AK_NAME = bytesOf(activated.ak_name)
const SECRET = bytesOf(activated.secret)

/** An EK with a known private half and the template of swtpm's. */
const privateKey = createPrivateKey({ key: known.ek_private_jwk_test_only, format: 'jwk' })
const softEk: RsaPublic = {
  ...EK,
  modulus: new Uint8Array(Buffer.from(known.ek_private_jwk_test_only.n!, 'base64url')),
}

/** The content of a TPM2B, and the bytes after it. */
function unsized(bytes: Uint8Array): [Buffer, Buffer] {
  const buffer = Buffer.from(bytes)
  const end = 2 + buffer.readUInt16BE()
  expect(buffer.length).toBeGreaterThanOrEqual(end)
  return [buffer.subarray(2, end), buffer.subarray(end)]
}

function kdfa(hash: string, key: Buffer, label: string, context: Uint8Array, size: number): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(size * 8)
  const input = [Buffer.of(0, 0, 0, 1), Buffer.from(`${label}\0`), context, length]
  return createHmac(hash, key).update(Buffer.concat(input)).digest().subarray(0, size)
}

/** TPM2_ActivateCredential with Node's cryptography. */
function activate(
  { idObject, encryptedSecret }: CredentialBlob,
  name: Uint8Array,
  { hash = 'sha256', aesBytes = 16, seed = openSeed(encryptedSecret, hash) } = {},
): string {
  const [content, rest] = unsized(idObject)
  expect(rest.length).toBe(0)
  const [integrity, identity] = unsized(content)
  const size = createHmac(hash, '').digest().length
  const hmacKey = kdfa(hash, seed, 'INTEGRITY', Buffer.of(), size)
  const expected = createHmac(hash, hmacKey).update(identity).update(name).digest()
  if (!expected.equals(integrity)) throw new Error('integrity')
  const key = kdfa(hash, seed, 'STORAGE', name, aesBytes)
  const cipher = createDecipheriv(`aes-${aesBytes * 8}-cfb`, key, Buffer.alloc(16))
  const [secret, after] = unsized(Buffer.concat([cipher.update(identity), cipher.final()]))
  expect(after.length).toBe(0)
  return secret.toString('hex')
}

function openSeed(encryptedSecret: Uint8Array, oaepHash = 'sha256'): Buffer {
  const [ciphertext, rest] = unsized(encryptedSecret)
  expect(rest.length).toBe(0)
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  const oaepLabel = Buffer.from('IDENTITY\0')
  return privateDecrypt({ key: privateKey, padding, oaepHash, oaepLabel }, ciphertext)
}

describe('a credential', () => {
  it('equals that of tpm2_makecredential with the same seed', async () => {
    const seed = bytesOf(known.seed)
    expect(openSeed(fromBase64(known.encrypted_secret_b64)).toString('hex')).toBe(known.seed)
    const made = await encryptCredential(
      checkedEk(softEk),
      bytesOf(known.ak_name),
      bytesOf(known.secret),
      seed,
    )
    expect(Buffer.from(made.idObject).toString('base64')).toBe(known.id_object_b64)
    expect(openSeed(made.encryptedSecret).toString('hex')).toBe(known.seed)
    expect(made.encryptedSecret.length).toBe(fromBase64(known.encrypted_secret_b64).length)
  })

  it.each([16, 17, 30, 32])('of %i bytes is decrypted by its EK', async (size) => {
    const secret = new Uint8Array(size).map((_, index) => index + 1)
    const blob = await makeCredential(softEk, AK_NAME, secret)
    expect(activate(blob, AK_NAME)).toBe(Buffer.from(secret).toString('hex'))
    expect(() =>
      activate(
        blob,
        AK_NAME.map((byte, index) => byte ^ Number(index === 33)),
      ),
    ).toThrow('integrity')
  })

  it('uses AES-256 and SHA-384 where the EK does', async () => {
    const ek = { ...softEk, nameAlg: 0x000c, symmetric: { algorithm: 6, keyBits: 256, mode: 0x43 } }
    const secret = new Uint8Array(48).fill(7)
    const blob = await makeCredential(ek, AK_NAME, secret)
    const options = { hash: 'sha384', aesBytes: 32 }
    expect(activate(blob, AK_NAME, options)).toBe('07'.repeat(48))
    await expect(makeCredential(ek, AK_NAME, new Uint8Array(49))).rejects.toThrow(PolicyError)
  })

  it('has a seed of its own', async () => {
    const made = await Promise.all([1, 2].map(() => makeCredential(softEk, AK_NAME, SECRET)))
    const seeds = made.map(({ encryptedSecret }) => openSeed(encryptedSecret).toString('hex'))
    expect(new Set(seeds).size).toBe(2)
    expect(seeds.every((seed) => seed.length === 64)).toBe(true)
  })

  it.each<[string, TpmtPublic]>([
    ['on an elliptic curve', parsePublic(fromBase64(tpmVector<EkVector>('ek-p384').ek_pubkey_b64))],
    ['that is an AK', EC_AK],
    ['that may sign', { ...EK, objectAttributes: EK.objectAttributes | TPMA_OBJECT.sign }],
    ...(['restricted', 'decrypt', 'fixedTPM', 'fixedParent', 'sensitiveDataOrigin'] as const).map(
      (name): [string, TpmtPublic] => [
        `that is not ${name}`,
        { ...EK, objectAttributes: EK.objectAttributes & ~TPMA_OBJECT[name] },
      ],
    ),
    ['with exponent 1', { ...EK, exponent: 1 }],
    ['of 1024 bits', { ...EK, keyBits: 1024, modulus: EK.modulus.slice(128) }],
    ['with a modulus of a wrong length', { ...EK, modulus: EK.modulus.slice(1) }],
    ['with a Name of SHA-1', { ...EK, nameAlg: 4 }],
    ['with a Name of SM3', { ...EK, nameAlg: 0x12 }],
    ['without a cipher', { ...EK, symmetric: undefined }],
    ['with Camellia', { ...EK, symmetric: { algorithm: 0x26, keyBits: 128, mode: 0x43 } }],
    ['with AES in CTR mode', { ...EK, symmetric: { algorithm: 6, keyBits: 128, mode: 0x40 } }],
    ['with AES-192', { ...EK, symmetric: { algorithm: 6, keyBits: 192, mode: 0x43 } }],
  ])('is not made for an EK %s', async (_, ek) => {
    await expect(makeCredential(ek, AK_NAME, SECRET)).rejects.toThrow(PolicyError)
    expect(() => activatedAk({ ...record(), ek })).toThrow(PolicyError)
  })

  it.each<[string, Uint8Array]>([
    ['no bytes', new Uint8Array()],
    ['a SHA-256 hash alone', AK_NAME.subarray(2)],
    ['cut off', AK_NAME.subarray(0, 33)],
    ['of SHA-1', bytesOf(`0004${'00'.repeat(20)}`)],
    ['of SM3', bytesOf(`0012${'00'.repeat(32)}`)],
  ])('is not made for a Name that is %s', async (_, name) => {
    await expect(makeCredential(EK, name, SECRET)).rejects.toThrow(PolicyError)
    expect(() => activatedAk({ ...record(), akName: name })).toThrow(PolicyError)
    expect(() => pinnedEk(AK_NAME, name)).toThrow(PolicyError)
  })

  it.each([0, 15, 33])('is not made for a secret of %i bytes', async (size) => {
    await expect(makeCredential(EK, AK_NAME, new Uint8Array(size))).rejects.toThrow(PolicyError)
  })
})

const anchor: EkAnchor = ekCertificate({
  leaf: ekVector.ek_certificate_pem,
  intermediates: [ekVector.issuer_pem],
  roots: [ekVector.root_pem],
})

const record = (): ActivationRecord => ({
  akName: AK_NAME,
  ek: EK,
  secret: SECRET,
  activatedSecret: bytesOf(activated.activated_secret),
  ekAnchor: anchor,
})

async function appraised(
  changes: Partial<ActivationRecord> = {},
  { name = AK_NAME, now = NOW }: { name?: Uint8Array; now?: Date } = {},
): Promise<string> {
  const key = { publicArea: EC_AK, name: new Uint8Array(name) }
  const { trust, code } = await activatedAk({ ...record(), ...changes }).endorse(key, now)
  return `${trust} ${code}`
}

describe('an activated key', () => {
  it('is as trusted as the EK that a real TPM activated it with', async () => {
    expect(await appraised()).toBe('endorsed AK_ACTIVATED')
    const pinned = pinnedEk(new Uint8Array(34).fill(0, 2).with(1, 0x0b), await computeName(EK))
    expect(await appraised({ ekAnchor: pinned })).toBe('pinned AK_ACTIVATED')
    expect(activatedAk(record()).kind).toBe('activated-ak')
  })

  it('has no certificate of its own', async () => {
    const key = { publicArea: EC_AK, name: new Uint8Array(AK_NAME) }
    expect(await activatedAk(record()).endorse(key, NOW)).not.toHaveProperty('certificate')
  })

  it('is the subject of the credential', async () => {
    const name = AK_NAME.with(33, AK_NAME[33]! ^ 1)
    expect(await appraised({}, { name })).toBe('unendorsed AK_NOT_ACTIVATED')
    expect(await appraised({}, { name: AK_NAME.subarray(0, 33) })).toBe(
      'unendorsed AK_NOT_ACTIVATED',
    )
    expect(await appraised({ akName: name })).toBe('unendorsed AK_NOT_ACTIVATED')
  })

  it('requires the whole secret', async () => {
    for (const activatedSecret of [
      SECRET.with(0, SECRET[0]! ^ 1),
      SECRET.with(31, SECRET[31]! ^ 1),
      SECRET.subarray(0, 31),
      new Uint8Array([...SECRET, 0]),
      new Uint8Array(),
    ]) {
      expect(await appraised({ activatedSecret })).toBe('unendorsed AK_SECRET_WRONG')
    }
  })

  it('is not trusted when its EK is not', async () => {
    const code = 'unendorsed AK_EK_UNENDORSED'
    const strangers = ekCertificate({ leaf: ekVector.ek_certificate_pem, roots: [] })
    expect(await appraised({ ekAnchor: strangers })).toBe(code)
    expect(await appraised({ ek: softEk })).toBe(code)
    expect(await appraised({}, { now: new Date('2020-01-01') })).toBe(code)
    expect(await appraised({ ekAnchor: pinnedEk(AK_NAME) })).toBe(code)
  })

  it('requires a secret that cannot be guessed', () => {
    const secret = new Uint8Array(15)
    const short = { ...record(), secret, activatedSecret: secret }
    expect(() => activatedAk(short)).toThrow(PolicyError)
  })

  it('does not change with the record', async () => {
    const mutable = { ...record(), akName: new Uint8Array(AK_NAME) }
    const anchor = activatedAk(mutable)
    mutable.akName.fill(0)
    const key = { publicArea: EC_AK, name: new Uint8Array(AK_NAME) }
    expect((await anchor.endorse(key, NOW)).trust).toBe('endorsed')
  })
})

describe('a pinned EK', () => {
  const appraisedEk = async (ek: TpmtPublic, ...names: Uint8Array[]) => {
    const { trust, code } = await pinnedEk(...names).endorseEk(ek, NOW)
    return `${trust} ${code}`
  }

  it('is one of the given ones', async () => {
    const name = await computeName(EK)
    expect(await appraisedEk(EK, name)).toBe('pinned EK_PINNED')
    expect(await appraisedEk(EK, AK_NAME, name)).toBe('pinned EK_PINNED')
    expect(await appraisedEk(EK, AK_NAME)).toBe('unendorsed EK_NOT_PINNED')
    expect(await appraisedEk(EC_AK, name)).toBe('unendorsed EK_NOT_PINNED')
  })

  it('has a Name', async () => {
    expect(await appraisedEk({ ...EK, nameAlg: 0x12 }, AK_NAME)).toBe('unendorsed EK_NOT_PINNED')
    expect(() => pinnedEk()).toThrow(PolicyError)
  })
})
