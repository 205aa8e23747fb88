import { platform } from '#crypto-platform'
import { describe, expect, it, vi } from 'vitest'
import type { Bytes } from '../src/bytes/bytes.js'
import { isJsonObject, parseJsonObject } from '../src/bytes/json-object.js'
import { openEnvelope, openJson, sealEnvelope } from '../src/envelope/index.js'
import { concat, testPair, textOf, utf8, expectRefusal } from './support.js'

const MIB = 1024 * 1024

const sealed = async (plaintext: string): Promise<Bytes> =>
  sealEnvelope(utf8(plaintext), (await testPair('server')).publicKey)

const privateKey = async () => (await testPair('server')).privateKey

const parse = (bytes: Uint8Array, maxDepth: number): Promise<Record<string, unknown>> =>
  parseJsonObject(bytes, 'ERR_PLAINTEXT_INVALID', maxDepth)

const padTo = (envelope: Uint8Array, length: number): Bytes =>
  concat(envelope, new Uint8Array(length - envelope.length).fill(0x20))

describe('the size of an envelope', () => {
  it('is limited to the byte', async () => {
    const envelope = await sealed('{}')
    const key = await privateKey()
    const maxBytes = envelope.length
    expect(textOf((await openEnvelope(envelope, key, { maxBytes })).plaintext)).toBe('{}')
    const larger = padTo(envelope, maxBytes + 1)
    await expectRefusal(() => openEnvelope(larger, key, { maxBytes }), 'ERR_ENVELOPE_TOO_LARGE')
  })

  it('is limited to 16 MiB by default', async () => {
    const size = 12 * MIB - 2000
    const envelope = await sealed(' '.repeat(size))
    const key = await privateKey()
    const largest = padTo(envelope, 16 * MIB)
    expect((await openEnvelope(largest, key)).plaintext.length).toBe(size)
    const larger = padTo(envelope, 16 * MIB + 1)
    await expectRefusal(() => openEnvelope(larger, key), 'ERR_ENVELOPE_TOO_LARGE')
    const maxBytes = larger.length
    expect((await openEnvelope(larger, key, { maxBytes })).plaintext.length).toBe(size)
  })

  it('is checked before the content', async () => {
    const noise = new Uint8Array(100).fill(0xff)
    const key = await privateKey()
    await expectRefusal(() => openJson(noise, key, { maxBytes: 99 }), 'ERR_ENVELOPE_TOO_LARGE')
  })
})

describe('the depth', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

  it('of an envelope ends at 32 levels', async () => {
    const envelope = textOf(await sealed('{}'))
    const key = await privateKey()
    // The envelope itself is the first level.
    const withExtra = (depth: number) => () =>
      openEnvelope(utf8(`${envelope.slice(0, -1)},"extra":${nested(depth - 1)}}`), key)
    expect(textOf((await withExtra(32)()).plaintext)).toBe('{}')
    await expectRefusal(withExtra(33), 'ERR_ENVELOPE_TOO_LARGE')
  })

  it('of the content ends at 256 levels', async () => {
    const key = await privateKey()
    const content = (depth: number) => async () =>
      openJson(await sealed(`{"a":${nested(depth - 1)}}`), key)
    expect((await content(256)()).value).toHaveProperty('a')
    await expectRefusal(content(257), 'ERR_ENVELOPE_TOO_LARGE')
  })

  it.each([
    '{"a":{}}',
    '{"a":[],"b":[],"c":{}}',
    '{"[[[[":"{{{{"}',
    String.raw`{"a":"\"[[[["}`,
    String.raw`{"a":"\\","b":[]}`,
    String.raw`{"a":"\\\"[[[[","b":"]"}`,
  ])('of %s is at most two', async (json) => {
    expect(await parse(utf8(json), 2)).toEqual(JSON.parse(json))
  })

  it.each([
    '{"a":[[]]}',
    '{"a":{"b":{}}}',
    '[[[',
    '{"a":[],"b":[[]]}',
    String.raw`{"a":"\\","b":[[]]}`,
    String.raw`{"a":"\\\\","b":[[]]}`,
    String.raw`{"a":"\"","b":[[]]}`,
  ])('of %s is more than two', async (json) => {
    await expectRefusal(() => parse(utf8(json), 2), 'ERR_ENVELOPE_TOO_LARGE')
  })

  it.each(['', '"', '{"a', String.raw`{"a\"`, '{"a":1', ']]]]', '{"a":NaN}', '[]', 'null', '"{}"'])(
    'is irrelevant for %s, which is not a JSON object',
    async (json) => {
      await expectRefusal(() => parse(utf8(json), 2), 'ERR_PLAINTEXT_INVALID')
    },
  )
})

describe('the bytes of JSON', () => {
  it.each([
    ['a byte order mark', Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d)],
    ['a stray continuation byte', Uint8Array.of(0x7b, 0x80, 0x7d)],
    ['an overlong slash', concat(utf8('{"'), Uint8Array.of(0xc0, 0xaf), utf8('":1}'))],
    ['half of a surrogate pair', concat(utf8('{"'), Uint8Array.of(0xed, 0xa0, 0x80), utf8('":1}'))],
    ['UTF-16', Uint8Array.of(0x7b, 0, 0x7d, 0)],
  ])('are refused with %s', async (_, bytes) => {
    await expectRefusal(() => parse(bytes, 9), 'ERR_PLAINTEXT_INVALID')
  })

  it('give plain members for names that objects inherit', async () => {
    const value = await parse(utf8('{"__proto__":{"polluted":1},"constructor":2}'), 9)
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(value['polluted']).toBeUndefined()
  })

  it('are parsed in a turn of their own where they are many', async () => {
    const turn = vi.spyOn(platform, 'turn')
    await parse(utf8(`{"a":"${'x'.repeat(MIB - 8)}"}`), 9)
    expect(turn).not.toHaveBeenCalled()
    await parse(utf8(`{"a":"${'x'.repeat(MIB - 7)}"}`), 9)
    expect(turn).toHaveBeenCalledOnce()
    turn.mockRestore()
  })

  it('are an object, or not', () => {
    const values = [{}, Object.create(null), [], null, 'x', 1, true, undefined]
    expect(values.map(isJsonObject)).toEqual([true, true, ...Array<boolean>(6).fill(false)])
  })
})
