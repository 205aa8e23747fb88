import { wire2Platform } from '#wire-2-platform'
import { wire2Vectors } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import { chunkOpener } from '../../src/wire-2/chunks/opener.js'
import { chunkSealer } from '../../src/wire-2/chunks/sealer.js'
import { exportSecret, keySchedule } from '../../src/wire-2/hpke/key-schedule.js'
import { createBhttpReader, createRequestKey, openRequest } from '../../src/wire-2/index.js'
import { importX25519 } from '../../src/wire-2/kem/curve.js'
import { x25519Kem } from '../../src/wire-2/kem/x25519.js'
import { answerSecret } from '../../src/wire-2/message/answer-keys.js'
import { sealerOf } from '../../src/wire-2/message/seal-request.js'
import { concat, fromHex, toHex } from '../support.js'
import { hybridKems, exported, openAll } from './support.js'

const kems = await hybridKems()
const names = kems.map((kem) => [kem.implementation, kem] as const)

describe('RFC 9180, appendix A.1.1', () => {
  const vector = wire2Vectors('rfc9180-a1') as Record<string, string> & {
    exports: [string, string][]
  }
  const of = (name: string): Uint8Array<ArrayBuffer> => fromHex(vector[name] ?? '')
  const suite = { kemId: 0x20, kdfId: 1, aeadId: 1 }

  it('decapsulates with DHKEM(X25519, HKDF-SHA256)', async () => {
    const key = await x25519Kem.importKey(of('skRm'))
    expect(toHex(key.publicKey)).toBe(vector['pkRm'])
    expect(toHex(await key.decapsulate(of('enc')))).toBe(vector['shared_secret'])
  })

  it('derives keys and exports secrets', async () => {
    const secrets = await keySchedule(suite, of('shared_secret'), of('info'))
    expect(toHex(secrets.key)).toBe(vector['key'])
    expect(toHex(secrets.baseNonce)).toBe(vector['base_nonce'])
    expect(toHex(secrets.exporterSecret)).toBe(vector['exporter_secret'])
    for (const [context, exported] of vector.exports) {
      expect(toHex(await exportSecret(suite, secrets, fromHex(context), 32))).toBe(exported)
    }
    const sealed = new Uint8Array(of('ct').length)
    await wire2Platform
      .aesGcm(secrets.key)
      .encrypt([of('pt')], secrets.baseNonce, of('aad'), sealed)
    expect(toHex(sealed)).toBe(vector['ct'])
  })
})

describe('MLKEM768-X25519 of hpkewg/hpke-pq', () => {
  interface HpkeVector extends Record<string, unknown> {
    kdf_id: number
    kem_id: number
    aead_id: number
    exports: { exporter_context: string; L: number; exported_value: string }[]
  }
  const vectors = wire2Vectors('hpke-pq-0x647a') as HpkeVector[]

  it.each(names)('decapsulates, %s', async (_, kem) => {
    for (const vector of vectors) {
      const key = await kem.importKey(fromHex(vector['skRm'] as string))
      expect(toHex(key.publicKey)).toBe(vector['pkRm'])
      expect(toHex(await key.decapsulate(fromHex(vector['enc'] as string)))).toBe(
        vector['shared_secret'],
      )
    }
    expect(vectors).toHaveLength(2)
  })

  it('derives keys and exports secrets', async () => {
    const vector = vectors.find(({ kdf_id: kdfId }) => kdfId === 1)
    if (vector === undefined) throw new Error('no vector')
    const suite = { kemId: vector.kem_id, kdfId: vector.kdf_id, aeadId: vector.aead_id }
    const info = fromHex(vector['info'] as string)
    const secrets = await keySchedule(suite, fromHex(vector['shared_secret'] as string), info)
    expect(toHex(secrets.key)).toBe(vector['key'])
    expect(toHex(secrets.baseNonce)).toBe(vector['base_nonce'])
    expect(toHex(secrets.exporterSecret)).toBe(vector['exporter_secret'])
    for (const { exporter_context: context, L: length, exported_value: value } of vector.exports) {
      expect(toHex(await exportSecret(suite, secrets, fromHex(context), length))).toBe(value)
    }
  })
})

describe('draft-connolly-cfrg-xwing-kem', () => {
  const vectors = wire2Vectors('x-wing') as Record<'seed' | 'eseed' | 'pk' | 'ct' | 'ss', string>[]

  it.each(names)('has these keys and secrets, %s', async (_, kem) => {
    for (const vector of vectors) {
      const key = await kem.importKey(fromHex(vector.seed))
      expect(toHex(key.publicKey)).toBe(vector.pk)
      expect(toHex(await key.decapsulate(fromHex(vector.ct)))).toBe(vector.ss)
    }
    expect(vectors).toHaveLength(3)
  })

  it('has these encapsulations', async () => {
    const { ml_kem768: mlKem } = await import('@noble/post-quantum/ml-kem.js')
    for (const { eseed, pk, ct } of vectors) {
      const [ofLattice, ofCurve] = [fromHex(eseed).subarray(0, 32), fromHex(eseed).subarray(32)]
      const { cipherText } = mlKem.encapsulate(fromHex(pk).subarray(0, 1184), ofLattice)
      const { publicKey } = await importX25519(ofCurve)
      expect(toHex(concat(cipherText, publicKey))).toBe(ct)
    }
  })
})

describe('draft-ietf-ohai-chunked-ohttp-08, appendix A', () => {
  const vector = wire2Vectors('chunked-ohttp-08-appendix-a') as Record<string, string>
  const of = (name: string): Uint8Array<ArrayBuffer> => fromHex(vector[name] ?? '')
  const suite = { kemId: 0x20, kdfId: 1, aeadId: 1 }
  const openVector = async () => {
    const key = await createRequestKey(x25519Kem, { id: 1, seed: of('skR') })
    expect(toHex(key.publicKey)).toBe(vector['pkR'])
    return openRequest([key])
  }
  /** The secret of the vector, and its sealer. */
  const sealVector = async () => {
    const key = await createRequestKey(x25519Kem, { id: 1, seed: of('skR') })
    const sharedSecret = await key.decapsulate(of('enc'))
    return sealerOf(of('request').slice(0, 7), suite, { enc: of('enc'), sharedSecret }, 16_384)
  }

  it('decrypts the request, a byte at a time as well', async () => {
    const request = of('request')
    for (const cuts of [[], Array.from(request.keys())]) {
      const plaintext = await openAll(await openVector(), request, cuts)
      expect(toHex(plaintext)).toBe(vector['request_plaintext'])
      const reader = createBhttpReader('request')
      expect([...reader.push(plaintext), ...reader.end()]).toEqual([
        {
          type: 'request',
          method: 'GET',
          scheme: 'https',
          authority: 'example.com',
          path: '/',
          fields: [],
        },
      ])
    }
  })

  it('encrypts the request', async () => {
    const { head, seal } = await sealVector()
    const plaintext = of('request_plaintext')
    const parts = [
      head,
      await seal(plaintext.subarray(0, 12)),
      await seal(plaintext.subarray(12)),
      await seal(new Uint8Array(), { final: true }),
    ]
    expect(toHex(concat(...parts))).toBe(vector['request'])
  })

  it('decrypts and encrypts the answer', async () => {
    const { openAnswer } = await sealVector()
    const plaintext = await openAll(openAnswer(), of('response'))
    expect(toHex(plaintext)).toBe(vector['response_plaintext'])

    const key = await createRequestKey(x25519Kem, { id: 1, seed: of('skR') })
    const info = concat(
      new TextEncoder().encode('message/bhttp chunked request\0'),
      of('request').subarray(0, 7),
    )
    const secrets = await keySchedule(suite, await key.decapsulate(of('enc')), info)
    const nonce = of('response_nonce')
    const keys = await answerSecret(suite, await exported(suite, secrets), of('enc')).keys(nonce)
    const { head, seal } = chunkSealer(nonce, keys, { maxChunk: 16_384 })
    const parts = [
      head,
      await seal(plaintext.subarray(0, 1)),
      await seal(plaintext.subarray(1)),
      await seal(new Uint8Array(), { final: true }),
    ]
    expect(toHex(concat(...parts))).toBe(vector['response'])
  })
})

describe('wire 2, all intermediate values', () => {
  interface Wire2Vector extends Record<string, unknown> {
    request_plaintext_chunks: string[]
    response_plaintext_chunks: string[]
  }
  const vector = wire2Vectors('wire2-vector') as Wire2Vector
  const of = (name: string): Uint8Array<ArrayBuffer> => fromHex(vector[name] as string)
  const suite = { kemId: 0x647a, kdfId: 1, aeadId: 2 }

  it.each(names)('decrypts the request, %s', async (_, kem) => {
    const key = await createRequestKey(kem, { id: 1, seed: of('recipient_seed') })
    expect(toHex(key.publicKey)).toBe(vector['public_key'])
    expect(toHex(await key.decapsulate(of('enc')))).toBe(vector['shared_secret'])
    const opener = openRequest([key])
    const plaintext = await openAll(opener, of('encapsulated_request'))
    expect(toHex(plaintext)).toBe(vector.request_plaintext_chunks.join(''))
    expect(opener.opened).toBe(vector.request_plaintext_chunks.length)
    expect(opener.header).toEqual({ keyId: 1, ...suite })
    expect(toHex(opener.enc ?? new Uint8Array())).toBe(vector['enc'])
  })

  it('encapsulates', async () => {
    const { ml_kem768: mlKem } = await import('@noble/post-quantum/ml-kem.js')
    const enc = mlKem.encapsulate(of('public_key').subarray(0, 1184), of('mlkem_m')).cipherText
    expect(toHex(enc)).toBe(toHex(of('enc').subarray(0, 1088)))
  })

  it('derives the keys of request and answer', async () => {
    const secrets = await keySchedule(suite, of('shared_secret'), of('info'))
    expect(toHex(secrets.key)).toBe(vector['key'])
    expect(toHex(secrets.baseNonce)).toBe(vector['base_nonce'])
    expect(toHex(secrets.exporterSecret)).toBe(vector['exporter_secret'])
    const { nonceBytes, keys } = answerSecret(suite, await exported(suite, secrets), of('enc'))
    expect(nonceBytes).toBe(32)
    const { key, baseNonce } = await keys(of('response_nonce'))
    expect(toHex(key)).toBe(vector['response_aead_key'])
    expect(toHex(baseNonce)).toBe(vector['response_aead_nonce'])
  })

  it('encrypts the request and decrypts the answer', async () => {
    const encapsulation = { enc: of('enc'), sharedSecret: of('shared_secret') }
    const sealer = await sealerOf(of('header'), suite, encapsulation, 16_384)
    const [first = '', last = ''] = vector.request_plaintext_chunks
    const parts = [
      sealer.head,
      await sealer.seal(fromHex(first)),
      await sealer.seal(fromHex(last), { final: true }),
    ]
    expect(toHex(concat(...parts))).toBe(vector['encapsulated_request'])
    const answer = sealer.openAnswer()
    const plaintext = await openAll(answer, of('encapsulated_response'))
    expect(toHex(plaintext)).toBe(vector.response_plaintext_chunks.join(''))
    expect(answer.opened).toBe(3)
  })

  it('encrypts the answer', async () => {
    const keys = { key: of('response_aead_key'), baseNonce: of('response_aead_nonce') }
    const { head, seal } = chunkSealer(of('response_nonce'), keys, { maxChunk: 16_384 })
    const parts = [head]
    for (const [at, chunk] of vector.response_plaintext_chunks.entries()) {
      parts.push(await seal(fromHex(chunk), { final: at === 2 }))
    }
    expect(toHex(concat(...parts))).toBe(vector['encapsulated_response'])
    const opener = chunkOpener({
      headBytes: () => 32,
      keysOf: () => ({ key: of('response_aead_key'), baseNonce: of('response_aead_nonce') }),
      firstChunk: 16_384,
      maxChunk: 16_384,
      maxBytes: 1000,
    })
    expect(toHex(await openAll(opener, concat(...parts)))).toBe(
      vector.response_plaintext_chunks.join(''),
    )
  })
})
