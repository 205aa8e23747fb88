import { expect, it } from 'vitest'
import { openEnvelope, openJson, sealJson } from '../src/envelope/index.js'
import { pairOf, refusalCodeOf, testPair, textOf, utf8, expectRefusal } from './support.js'

const { publicKey, privateKey } = await testPair('server')
const envelope = textOf(await sealJson({ a: 1 }, publicKey))

const openCode = async (text: string, options = {}): Promise<string> =>
  refusalCodeOf(async () => openEnvelope(utf8(text), privateKey, options))

it.each([null, 0, -1, 1.5, 1e300])('processed_at may be %s', async (time) => {
  const text = `${envelope.slice(0, -1)},"processed_at":${JSON.stringify(time)}}`
  expect((await openEnvelope(utf8(text), privateKey)).processedAt).toBe(time)
})

it.each(['"1767225600"', 'true', '[]', '{}', '1e999', '-1e999'])(
  'processed_at may not be %s',
  async (time) => {
    const text = `${envelope.slice(0, -1)},"processed_at":${time}}`
    expect(await openCode(text)).toBe('ERR_ENVELOPE_INVALID')
  },
)

it('one of the two optional labels does not come alone', async () => {
  for (const name of ['key_algorithm', 'payload_algorithm']) {
    const { [name]: _, ...rest } = JSON.parse(envelope) as Record<string, unknown>
    expect(await openCode(JSON.stringify(rest)), name).toBe('ERR_ENVELOPE_INVALID')
  }
})

it.each(['ciphertext', 'nonce', 'tag', 'encrypted_aes_key'])(
  'of %s every character must be of base64',
  async (name) => {
    for (const character of ['*', '-', '_', ' ', '=', '\u0100']) {
      const start = envelope.indexOf(`"${name}":"`) + name.length + 4
      const text = envelope.slice(0, start) + character + envelope.slice(start + 1)
      expect(await openCode(text), character).toBe('ERR_ENVELOPE_INVALID')
    }
  },
)

it('members count only when they are its own', async () => {
  const { encrypted_payload, ...rest } = JSON.parse(envelope) as {
    encrypted_payload: { ciphertext: string; nonce: string; tag: string }
  }
  const { tag, ...withoutTag } = encrypted_payload
  const body = utf8(JSON.stringify({ ...rest, encrypted_payload: withoutTag }))
  // As if something else in the program had been tricked into this.
  const inherited = { tag, processed_at: 5 }
  for (const [name, value] of Object.entries(inherited)) {
    Object.defineProperty(Object.prototype, name, { value, configurable: true })
  }
  try {
    await expectRefusal(() => openEnvelope(body, privateKey), 'ERR_ENVELOPE_INVALID')
    expect((await openEnvelope(utf8(envelope), privateKey)).processedAt).toBeNull()
  } finally {
    for (const name of Object.keys(inherited)) Reflect.deleteProperty(Object.prototype, name)
  }
})

it('an envelope for a key of another size is distinguished, and no other', async () => {
  const smaller = await pairOf('keys/rsa2048.private.pem')
  const forSmaller = await sealJson({}, smaller.publicKey)
  expect(await openCode(textOf(forSmaller))).toBe('ERR_ENVELOPE_INVALID')
  const forSame = await sealJson({}, (await testPair('other')).publicKey)
  expect(await openCode(textOf(forSame))).toBe('ERR_DECRYPTION_FAILED')
})

it.each([
  ['shorter than a tag', Buffer.alloc(15).toString('base64'), 'ERR_ENVELOPE_INVALID'],
  ['empty', '', 'ERR_ENVELOPE_INVALID'],
  ['of a tag alone', Buffer.alloc(16).toString('base64'), 'ERR_DECRYPTION_FAILED'],
  ['not base64', '****', 'ERR_ENVELOPE_INVALID'],
])('a ciphertext with its tag behind it is refused when it is %s', async (_, text, code) => {
  const { encrypted_payload, ...rest } = JSON.parse(envelope) as {
    encrypted_payload: { nonce: string }
  }
  const { nonce } = encrypted_payload
  const body = JSON.stringify({ ...rest, encrypted_payload: { ciphertext: text, nonce } })
  expect(await openCode(body, { acceptAppendedTag: true })).toBe(code)
})

it('appended tags may be allowed without being there', async () => {
  const options = { acceptAppendedTag: true }
  expect((await openJson(utf8(envelope), privateKey, options)).value).toEqual({ a: 1 })
})
