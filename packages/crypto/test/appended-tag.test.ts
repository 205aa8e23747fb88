import { createDecipheriv, createPrivateKey, privateDecrypt } from 'node:crypto'
import { expect, it } from 'vitest'
import { openEnvelope, sealEnvelope, sealJson, sealJsonBytes } from '../src/envelope/index.js'
import { keyText } from '@nomyo-internal/testing/vectors/expectations'
import { readEnvelope, testPair, textOf, utf8, expectRefusal } from './support.js'

const { publicKey, privateKey } = await testPair('client')
const appended = { appendTag: true }
const accepting = { acceptAppendedTag: true }

/** Opens an envelope as nomyo-js 0.1 does: it never looks at a member `tag`. */
function readAsBefore(body: Uint8Array): Buffer {
  const envelope = readEnvelope(body)
  const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64')
  const key = createPrivateKey(keyText('keys/client.private.pem'))
  const wrapped = bytes(envelope.encrypted_aes_key)
  const aesKey = privateDecrypt({ key, oaepHash: 'sha256' }, wrapped)
  const sealed = bytes(envelope.encrypted_payload.ciphertext)
  const nonce = bytes(envelope.encrypted_payload.nonce)
  const decipher = createDecipheriv('aes-256-gcm', aesKey, nonce, { authTagLength: 16 })
  decipher.setAuthTag(sealed.subarray(-16))
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
}

// Every remainder of base64, and both sides of the parts that are encrypted at a time.
it.each([0, 1, 2, 3, 4, 5, 49_151, 49_152, 49_153, 1_000_000])(
  'an envelope of %d bytes with its tag appended opens as in nomyo-js 0.1, and here on request',
  async (size) => {
    const plaintext = new Uint8Array(size).fill(0x61)
    const envelope = await sealEnvelope(plaintext, publicKey, appended)
    expect(readEnvelope(envelope).encrypted_payload).not.toHaveProperty('tag')
    expect(Buffer.compare(readAsBefore(envelope), plaintext)).toBe(0)
    const opened = await openEnvelope(envelope, privateKey, accepting)
    expect(opened.tagIsAppended).toBe(true)
    expect(Buffer.compare(opened.plaintext, plaintext)).toBe(0)
    await expectRefusal(() => openEnvelope(envelope, privateKey), 'ERR_ENVELOPE_INVALID')
  },
)

it('JSON is sealed in this form too, with its time', async () => {
  const options = { ...appended, processedAt: 1_767_225_600 }
  for (const envelope of [
    await sealJson({ n: 12345 }, publicKey, options),
    await sealJsonBytes(utf8('{"n":12345}'), publicKey, options),
  ]) {
    expect(textOf(readAsBefore(envelope))).toBe('{"n":12345} ')
    expect((await openEnvelope(envelope, privateKey, accepting)).processedAt).toBe(1_767_225_600)
  }
})

it('an envelope with a tag member has the current form, accepted or not', async () => {
  const envelope = await sealJson({}, publicKey)
  expect(readEnvelope(envelope).encrypted_payload.tag).toHaveLength(24)
  expect((await openEnvelope(envelope, privateKey)).tagIsAppended).toBe(false)
  expect((await openEnvelope(envelope, privateKey, accepting)).tagIsAppended).toBe(false)
})
