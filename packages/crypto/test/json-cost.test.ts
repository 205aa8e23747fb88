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
})
