import { describe, expect, it } from 'vitest'
import { openJson, sealEnvelope, sealJson } from '../src/index.js'
import { expectCode } from '@nomyo-internal/testing'
import { isTooComplex } from '../src/bytes/json-object.js'
import { testPair } from './support.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const isRefused = (text: string): boolean => isTooComplex(256, bytes(text))
const list = (count: number, one: (index: number) => string): string =>
  `{"a":[${Array.from({ length: count }, (_, index) => one(index)).join(',')}]}`
const object = (count: number, name: (index: number) => string): string =>
  `{${Array.from({ length: count }, (_, index) => `${JSON.stringify(name(index))}:1`).join(',')}}`

describe('the cost of JSON', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])('is measured wherever the bytes begin, as at %d', (start) => {
    // More brackets in strings than levels are allowed, with quotes near and far.
    const strings = [3, 60, 250, 251, 252, 253, 254, 255, 256, 257].flatMap((length) => [
      '['.repeat(length),
      `${'['.repeat(length)}"\\${'"x'.repeat(start)}`,
    ])
    const atTheLimit = JSON.stringify({ a: [[strings], strings] })
    const above = JSON.stringify({ a: [[strings], strings, [[['']]]] })
    for (const text of [atTheLimit, above]) {
      const buffer = bytes(`[[[[[[[${text}[[[[[[[`)
      const json = new Uint8Array(buffer.length + start).fill(0x5b).subarray(start)
      json.set(buffer)
      expect(isTooComplex(4, json.subarray(7, -7))).toBe(text === above)
    }
  })

  it.each([
    ['objects', list(700_000, () => '{}')],
    ['arrays', list(700_000, () => '[]')],
    ['strings', list(700_000, () => '"a"')],
    ['names in one object', object(13_000, (index) => `x${index}`)],
    ['names in many objects', list(1300, (row) => object(10, (index) => `x${row}.${index}`))],
    ['names with escapes', object(13_000, (index) => `"\\${index}`)],
    ['names that end alike', object(13_000, (index) => `${index}${'x'.repeat(100)}`)],
  ])('is too high with many %s', (_what, json) => {
    expect(isRefused(json)).toBe(true)
  })

  const probability = '{"token":"abc","logprob":-0.12,"bytes":[97,98,99]}'
  it.each([
    ['log probabilities', list(190_000, () => probability)],
    ['a long text of quotes and brackets', JSON.stringify({ a: '{"[: '.repeat(1_000_000) })],
    ['numbers', list(1_000_000, () => '1')],
    ['one name again and again', list(100_000, () => '{"a":1,"b":2}')],
    ['some names', object(5000, (index) => `x${index}`)],
  ])('is not with %s', (_what, json) => {
    expect(isRefused(json)).toBe(false)
  })

  it('is limited where an envelope is opened, and where JSON is sealed', async () => {
    const { publicKey, privateKey } = await testPair('client')
    const json = list(700_000, () => '{}')
    const envelope = await sealEnvelope(bytes(json), publicKey)
    await expectCode(openJson(envelope, privateKey), 'ERR_ENVELOPE_TOO_LARGE')
    await expectCode(sealJson(JSON.parse(json), publicKey), 'ERR_ENVELOPE_TOO_LARGE')
  })

  const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
  const manyNames = JSON.parse(object(13_000, (index) => `x${index}`)) as object
  it.each<[string, unknown]>([
    ['names in one object', manyNames],
    ['names of a result of toJSON', { toJSON: () => manyNames }],
    [
      'names of a result of toJSON that is inherited',
      [
        new (class {
          toJSON = () => manyNames
        })(),
      ],
    ],
    ['names of an instance', Object.assign(new Error('instance'), manyNames)],
    ['names of bytes', { bytes: new Uint8Array(13_000) }],
    ['values in few objects', Array.from({ length: 5 }, () => Array(150_000).fill(''))],
    ['levels', nested(257)],
    ['levels below an object', { a: [{ b: nested(254) }] }],
  ])('is limited where JSON is sealed, for too many %s', async (_what, value) => {
    const { publicKey } = await testPair('client')
    await expectCode(sealJson(value, publicKey), 'ERR_ENVELOPE_TOO_LARGE')
  })

  it.each<[string, unknown]>([
    ['few values with long strings', { a: ['"{[:'.repeat(1_000_000)] }],
    ['levels up to the limit', nested(255)],
    ['5000 values', Array.from({ length: 5 }, () => Array(1000).fill(0))],
  ])('does not stop the sealing of %s', async (_what, value) => {
    const { publicKey, privateKey } = await testPair('client')
    const opened = await openJson(await sealJson({ value }, publicKey), privateKey)
    expect(opened.value).toEqual({ value })
  })
})
