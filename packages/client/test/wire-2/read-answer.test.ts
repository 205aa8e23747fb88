import { encodeResponse, type ChunkOpener } from '@nomyo/crypto/wire-2'
import { expect, it } from 'vitest'
import { openAnswer, readWhole } from '../../src/wire-2/read-answer.js'

it('the plaintext of an answer is zeroed once its content is taken', async () => {
  const plaintext = encodeResponse({ status: 200, fields: [], content: Buffer.from('secret') })
  const opener: ChunkOpener = {
    opened: 0,
    push: () => Promise.resolve([plaintext]),
    end: () => Promise.resolve(new Uint8Array()),
    dispose: () => undefined,
  }
  const response = {
    status: 200,
    header: () => undefined,
    read: async (take: (part: Uint8Array) => unknown) => {
      await take(Uint8Array.of(1))
    },
    whole: () => Promise.reject(new Error('not whole')),
    cancel: () => undefined,
  }
  const { body } = await readWhole(await openAnswer(response, opener))
  expect(Buffer.from(body).toString()).toBe('secret')
  expect(plaintext.every((byte) => byte === 0)).toBe(true)
})
