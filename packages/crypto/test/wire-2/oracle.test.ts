import { wire2Platform } from '#wire-2-platform'
import { createCipheriv, createDecipheriv, hkdfSync, createHmac } from 'node:crypto'
import * as hpke from 'hpke'
import { describe, expect, it } from 'vitest'
import { openRequest, sealRequest } from '../../src/wire-2/index.js'
import { x25519Kem } from '../../src/wire-2/kem/x25519.js'
import { concat, textOf, toHex, utf8 } from '../support.js'
import { hybridKems, openAll, testKey } from './support.js'

/** The `hpke` package as the other end; it knows nothing of chunks, which are written and read here. */
const kems = [x25519Kem, ...(await hybridKems())]

const AEADS = { 1: hpke.AEAD_AES_128_GCM, 2: hpke.AEAD_AES_256_GCM }

const suiteOf = (kemId: number, aeadId: 1 | 2) =>
  new hpke.CipherSuite(
    kemId === x25519Kem.id ? hpke.KEM_DHKEM_X25519_HKDF_SHA256 : hpke.KEM_MLKEM768_X25519,
    hpke.KDF_HKDF_SHA256,
    AEADS[aeadId],
  )

/** Before Node 24 the package has no hybrid KEM. */
async function oracleHas(kemId: number): Promise<boolean> {
  try {
    await suiteOf(kemId, 2).GenerateKeyPair()
    return true
  } catch {
    return false
  }
}

const judged = []
for (const kem of kems) if (await oracleHas(kem.id)) judged.push(kem)

const infoOf = (header: Uint8Array): Uint8Array =>
  concat(utf8('message/bhttp chunked request\0'), header)

/** Keys of the answer as the draft derives them, by `node:crypto`. */
function answerKeys(exported: Uint8Array, enc: Uint8Array, nonce: Uint8Array) {
  const prk = createHmac('sha256', concat(enc, nonce)).update(exported).digest()
  const expand = (label: string, length: number): Uint8Array => {
    // HKDF-Expand for one block: HMAC(prk, info || 1).
    const block = createHmac('sha256', prk).update(utf8(label)).update(Uint8Array.of(1)).digest()
    return block.subarray(0, length)
  }
  return { key: expand('key', nonce.length), iv: expand('nonce', 12) }
}

const cases = judged.flatMap((kem) =>
  ([1, 2] as const).map((aeadId) => [`${kem.name}, ${kem.implementation}`, aeadId, kem] as const),
)

describe.each(cases)('%s with AEAD %i, judged by hpke', (_, aeadId, kem) => {
  const aes = aeadId === 1 ? 'aes-128-gcm' : 'aes-256-gcm'
  const nonceBytes = aeadId === 1 ? 16 : 32

  it('reads a request and an answer of the other end', async () => {
    const { key } = await testKey(kem, 9)
    const suite = suiteOf(kem.id, aeadId)
    const header = Uint8Array.of(9, kem.id >> 8, kem.id, 0, 1, 0, aeadId)
    const { encapsulatedSecret, ctx } = await suite.SetupSender(
      await suite.DeserializePublicKey(key.publicKey),
      { info: infoOf(header) },
    )
    const first = await ctx.Seal(utf8('first '))
    const final = await ctx.Seal(utf8('last'), utf8('final'))
    const opener = openRequest([key])
    const body = concat(
      header,
      encapsulatedSecret,
      Uint8Array.of(first.length),
      first,
      Uint8Array.of(0),
      final,
    )
    expect(textOf(await openAll(opener, body))).toBe('first last')

    const { head, seal } = await opener.sealAnswer()
    const chunk = await seal(utf8('answer'), { final: true })
    const exported = await ctx.Export(utf8('message/bhttp chunked response'), nonceBytes)
    const { key: aesKey, iv } = answerKeys(exported, encapsulatedSecret, head)
    const decipher = createDecipheriv(aes, aesKey, iv)
    decipher.setAAD(utf8('final'))
    decipher.setAuthTag(chunk.subarray(-16))
    const plaintext = concat(decipher.update(chunk.subarray(1, -16)), decipher.final())
    expect(head).toHaveLength(nonceBytes)
    expect(textOf(plaintext)).toBe('answer')
  })

  it('writes a request that the other end reads, and reads its answer', async () => {
    const suite = suiteOf(kem.id, aeadId)
    const pair = await suite.GenerateKeyPair(true)
    const publicKey = new Uint8Array(await suite.SerializePublicKey(pair.publicKey))
    const config = { keyId: 3, kemId: kem.id, publicKey, suites: [{ kdfId: 1, aeadId }] }
    const { body, enc, openAnswer } = await sealRequest(kem, config, utf8('a prompt'))
    expect(toHex(body.subarray(0, 7))).toBe(
      toHex(Uint8Array.of(3, kem.id >> 8, kem.id, 0, 1, 0, aeadId)),
    )
    expect(toHex(body.subarray(7, 7 + kem.encBytes))).toBe(toHex(enc))
    const context = await suite.SetupRecipient(pair, enc, { info: infoOf(body.subarray(0, 7)) })
    expect(body[7 + kem.encBytes]).toBe(0)
    const sealed = body.subarray(8 + kem.encBytes)
    expect(textOf(await context.Open(sealed, utf8('final')))).toBe('a prompt')

    const exported = await context.Export(utf8('message/bhttp chunked response'), nonceBytes)
    const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes))
    const { key: aesKey, iv } = answerKeys(exported, enc, nonce)
    const cipher = createCipheriv(aes, aesKey, iv)
    cipher.setAAD(utf8('final'))
    const ciphertext = concat(cipher.update(utf8('answer')), cipher.final(), cipher.getAuthTag())
    const answer = await openAll(openAnswer(), concat(nonce, Uint8Array.of(0), ciphertext))
    expect(textOf(answer)).toBe('answer')
  })
})

it('derives what hkdf of the runtime derives', async () => {
  const { hkdfExpand, hkdfExtract } = await import('../../src/wire-2/hpke/hkdf.js')
  const [salt, secret, info] = [utf8('salt'), utf8('secret'), utf8('info')]
  const mac = wire2Platform.hmacSha256(await hkdfExtract(salt, secret))
  const derived = await hkdfExpand(mac, info, 32)
  expect(toHex(derived)).toBe(toHex(new Uint8Array(hkdfSync('sha256', secret, salt, info, 32))))
})
