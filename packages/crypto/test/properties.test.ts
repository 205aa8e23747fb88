import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openEnvelope, openJson, sealEnvelope, sealJson } from '../src/envelope/index.js'
import { SecurityError } from '../src/errors.js'
import { ALPHABETS, changeCharacters } from './changed-characters.js'
import { anyText, memberName, mutation } from './envelope-mutations.js'
import {
  fromBase64,
  readEnvelope,
  refusalCodeOf,
  refusalOf,
  testPair,
  textOf,
  toBase64,
  toHex,
  utf8,
  valueOrRefusal,
  expectRefusal,
} from './support.js'

const MIB = 1024 * 1024
/** Sizes around the blocks of AES and base64 and around the parts of readers; 10 MiB is the largest payload. */
const BOUNDARY_SIZES = [
  ...[0, 1, 15, 16, 17, 63, 64, 65, 4095, 4096, 4097],
  ...[49151, 49152, 49153, 65535, 65536, 65537, MIB - 1, MIB, MIB + 1, 10 * MIB],
]

const jsonObject = fc.dictionary(memberName, fc.oneof(fc.jsonValue(), anyText))

describe('opening inverts sealing', () => {
  it.each(['padme', 'none'] as const)('for any JSON object, padding %s', async (padding) => {
    const { publicKey, privateKey } = await testPair('server')
    await fc.assert(
      fc.asyncProperty(jsonObject, async (object) => {
        const { value } = await openJson(await sealJson(object, publicKey, { padding }), privateKey)
        // As texts, because comparing objects would not look into a member named __proto__.
        expect(JSON.stringify(value)).toBe(JSON.stringify(object))
      }),
    )
  })

  it.each(BOUNDARY_SIZES)('for %d bytes', async (size) => {
    const { publicKey, privateKey } = await testPair('server')
    const plaintext = patternOf(size)
    const { plaintext: opened } = await openEnvelope(
      await sealEnvelope(plaintext, publicKey),
      privateKey,
    )
    expect(opened.length).toBe(size)
    expect(Buffer.compare(opened, plaintext)).toBe(0)
  })

  it('for every recipient, and for no other', async () => {
    const [server, client] = [await testPair('server'), await testPair('client')]
    const envelope = await sealJson({ to: 'server' }, server.publicKey)
    expect((await openJson(envelope, server.privateKey)).value).toEqual({ to: 'server' })
    await expectRefusal(() => openJson(envelope, client.privateKey), 'ERR_DECRYPTION_FAILED')
  })

  it.each([0, 1767225600, 1767225600.25, -1])('with the time %d beside it', async (processedAt) => {
    const { publicKey, privateKey } = await testPair('server')
    const envelope = await sealJson({}, publicKey, { processedAt })
    expect((await openJson(envelope, privateKey)).processedAt).toBe(processedAt)
  })

  it('without a time where none was given', async () => {
    const { publicKey, privateKey } = await testPair('server')
    const envelope = await sealJson({}, publicKey)
    expect(textOf(envelope)).not.toContain('processed_at')
    expect((await openJson(envelope, privateKey)).processedAt).toBeNull()
  })

  it('from bytes in shared memory too', async () => {
    const { publicKey, privateKey } = await testPair('server')
    const shared = new Uint8Array(new SharedArrayBuffer(4))
    shared.set([1, 2, 3, 4])
    const { plaintext } = await openEnvelope(await sealEnvelope(shared, publicKey), privateKey)
    expect([...plaintext]).toEqual([1, 2, 3, 4])
  })
})

describe('an envelope that was touched', () => {
  // Some of them: the slow tests change every one.
  it.each(ALPHABETS)('is refused for a change of one character to %s', async (_, alphabet) => {
    const { changed, accepted } = await changeCharacters(alphabet, 11)
    expect(changed).toBeGreaterThan(80)
    expect(accepted).toEqual([])
  })

  it('is refused wherever it is cut off', async () => {
    const { publicKey, privateKey } = await testPair('server')
    const envelope = await sealEnvelope(utf8('{}'), publicKey)
    for (let length = 0; length < envelope.length; length++) {
      const code = await refusalCodeOf(() => openEnvelope(envelope.subarray(0, length), privateKey))
      expect(code, `cut to ${length} bytes`).toBe('ERR_ENVELOPE_INVALID')
    }
  })

  it('is refused with a wrapped key that equals its own modulo the modulus', async () => {
    const { publicKey, privateKey } = await testPair('server')
    // RSA-4096 with e = 65537: the modulus is what stands before the last five bytes of the SPKI.
    const modulus = toNumber(publicKey.spkiDer.slice(-5 - 512, -5))
    let envelope, shifted
    do {
      envelope = readEnvelope(await sealEnvelope(utf8('{}'), publicKey))
      shifted = toNumber(fromBase64(envelope.encrypted_aes_key)) + modulus
    } while (shifted >= 1n << 4096n)
    const wrapped = Buffer.from(shifted.toString(16).padStart(1024, '0'), 'hex')
    const alias = { ...envelope, encrypted_aes_key: toBase64(wrapped) }
    await expectRefusal(
      () => openEnvelope(utf8(JSON.stringify(alias)), privateKey),
      'ERR_DECRYPTION_FAILED',
    )
  })

  it('is refused with parts of another one', async () => {
    const { publicKey, privateKey } = await testPair('server')
    const first = readEnvelope(await sealEnvelope(utf8('{"n":1}'), publicKey))
    const second = readEnvelope(await sealEnvelope(utf8('{"n":2}'), publicKey))
    const mixtures = [
      { ...first, encrypted_aes_key: second.encrypted_aes_key },
      { ...first, encrypted_payload: second.encrypted_payload },
      ...(['ciphertext', 'nonce', 'tag'] as const).map((part) => ({
        ...first,
        encrypted_payload: {
          ...first.encrypted_payload,
          [part]: second.encrypted_payload[part],
        },
      })),
    ]
    for (const mixture of mixtures) {
      const body = utf8(JSON.stringify(mixture))
      await expectRefusal(() => openEnvelope(body, privateKey), 'ERR_DECRYPTION_FAILED')
    }
  })
})

describe('hostile bytes end in a SecurityError and nothing else', () => {
  it('random bytes', async () => {
    const { privateKey } = await testPair('server')
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
        await refusalOf(() => openJson(bytes, privateKey))
      }),
      { numRuns: 1000 },
    )
  })

  it('random JSON values', async () => {
    const { privateKey } = await testPair('server')
    await fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        await refusalOf(() => openJson(utf8(json), privateKey))
      }),
      { numRuns: 1000 },
    )
  })

  it('random JSON values as the sealed content', async () => {
    const { publicKey, privateKey } = await testPair('server')
    const content = fc.oneof(
      fc.json().map(utf8),
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ maxLength: 40 }).map(utf8),
    )
    await fc.assert(
      fc.asyncProperty(content, async (plaintext) => {
        const envelope = await sealEnvelope(plaintext, publicKey)
        const outcome = await valueOrRefusal(() => openJson(envelope, privateKey))
        if (outcome instanceof SecurityError) expect(outcome.code).toBe('ERR_PLAINTEXT_INVALID')
        else
          expect(JSON.stringify(outcome.value)).toBe(JSON.stringify(JSON.parse(textOf(plaintext))))
      }),
    )
  })

  it('envelopes with changed structure; what still opens gives what was sealed', async () => {
    const { publicKey, privateKey } = await testPair('server')
    const sealed = '{"model":"m","messages":[]}'
    const envelope = textOf(await sealEnvelope(utf8(sealed), publicKey, { processedAt: 1 }))
    let [opened, refused] = [0, 0]
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (mutations) => {
        const mutated = mutations.reduce((text, mutate) => mutate(text), envelope)
        const outcome = await valueOrRefusal(() => openEnvelope(utf8(mutated), privateKey))
        if (outcome instanceof SecurityError) refused++
        else {
          opened++
          expect(textOf(outcome.plaintext)).toBe(sealed)
        }
      }),
      { numRuns: 3000 },
    )
    // Both happen, so neither half of the claim is empty.
    expect(opened).toBeGreaterThan(50)
    expect(refused).toBeGreaterThan(1000)
  })
})

describe('two sealings of one plaintext', () => {
  it('share neither nonce nor key nor ciphertext', async () => {
    const { publicKey } = await testPair('server')
    const sealings = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const { encrypted_payload, encrypted_aes_key } = readEnvelope(
          await sealEnvelope(utf8('the same bytes every time'), publicKey),
        )
        return { ...encrypted_payload, encrypted_aes_key }
      }),
    )
    for (const part of ['nonce', 'ciphertext', 'tag', 'encrypted_aes_key'] as const) {
      expect(new Set(sealings.map((sealing) => sealing[part])).size, part).toBe(sealings.length)
    }
  })

  it('have different replay ids; all spellings of one have the same', async () => {
    const { publicKey, privateKey } = await testPair('server')
    const envelope = await sealEnvelope(utf8('{}'), publicKey)
    const members = Object.entries(readEnvelope(envelope))
    const copies = [
      textOf(envelope),
      JSON.stringify(Object.fromEntries(members.toReversed()), null, 2),
      JSON.stringify({ ...Object.fromEntries(members), processed_at: 5, extra: [] }),
      JSON.stringify(Object.fromEntries(members)).replaceAll('/', '\\/'),
    ]
    const ids = new Set<string>()
    for (const copy of copies) ids.add((await openEnvelope(utf8(copy), privateKey)).replayId)
    const again = await sealEnvelope(utf8('{}'), publicKey)
    const { replayId } = await openEnvelope(again, privateKey)
    expect(ids.size).toBe(1)
    expect(ids).not.toContain(replayId)
    expect(replayId).toMatch(/^[\w+/]{43}=$/)
  })
})

const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`)

/** Bytes without a period that would hide a block out of place. */
function patternOf(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = 1
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}
