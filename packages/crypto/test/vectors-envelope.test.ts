import { requestVectors, responseVectors } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import { openEnvelope, openJson } from '../src/envelope/index.js'
import {
  concat,
  encryptAesGcm,
  fromBase64,
  fromHex,
  pairOf,
  readEnvelope,
  toHex,
  utf8,
} from './support.js'

const requests = requestVectors().map((vector) => ({ ...vector, name: `request: ${vector.name}` }))
const responses = responseVectors().map((vector) => ({
  ...vector,
  name: `response: ${vector.name}`,
  // What `expected` states is the work of the layer above; here the sealed text counts.
  value: JSON.parse(vector.plaintext) as unknown,
}))
const vectors = [...requests, ...responses]

it('finds every vector', () => {
  expect([requests.length, responses.length]).toEqual([11, 15])
})

describe.each(vectors)('$name', ({ recipient, body, aes_key_hex, plaintext, value }) => {
  const envelope = readEnvelope(utf8(body))

  it('opens to exactly the sealed bytes', async () => {
    const { privateKey } = await pairOf(recipient)
    const opened = await openEnvelope(utf8(body), privateKey)
    expect(toHex(opened.plaintext)).toBe(toHex(utf8(plaintext)))
    expect(opened.processedAt).toBe(envelope.processed_at ?? null)
    expect(opened.algorithm).toBe('hybrid-aes256-rsa4096')
  })

  it('opens to the stated value', async () => {
    const { privateKey } = await pairOf(recipient)
    const opened = await openJson(utf8(body), privateKey)
    expect(opened.value).toEqual(value)
    expect(opened.processedAt).toBe(envelope.processed_at ?? null)
  })

  it('is deterministic for the same key and nonce', async () => {
    const { ciphertext, nonce, tag } = envelope.encrypted_payload
    const sealed = await encryptAesGcm(utf8(plaintext), fromHex(aes_key_hex), fromBase64(nonce))
    expect(toHex(sealed)).toBe(toHex(concat(fromBase64(ciphertext), fromBase64(tag))))
  })
})

it('keeps a lone surrogate as it is', async () => {
  const vector = requestVectors().find(({ name }) => name === 'lone surrogate')!
  const { privateKey } = await pairOf(vector.recipient)
  const { value } = await openJson(utf8(vector.body), privateKey)
  expect(JSON.stringify(value)).toBe(JSON.stringify(vector.value))
  expect(JSON.stringify(value)).toMatch(/\\ud[89a-f][0-9a-f]{2}/)
})

it('reads the time an answer was processed, whole and fractional', () => {
  const times = responses.map(({ body }) => readEnvelope(utf8(body)).processed_at)
  expect(times).toEqual(expect.arrayContaining([1767225600, 1767225600.25, undefined]))
})
