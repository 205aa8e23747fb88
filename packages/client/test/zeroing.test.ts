import { expectCode } from '@nomyo-internal/testing'
import { beforeEach, expect, it, vi } from 'vitest'
import { hello, newClient, newStepClient, sealFor, startTestServer } from './support.js'

/** All requests that were encoded, as the bytes that the client holds. */
const encoded = vi.hoisted(() => [] as Uint8Array[])
vi.mock(import('@nomyo/crypto'), async (original) => {
  const crypto = await original()
  return {
    ...crypto,
    encodeJson: (...given: Parameters<typeof crypto.encodeJson>) => {
      const bytes = crypto.encodeJson(...given)
      if (bytes !== undefined) encoded.push(bytes)
      return bytes
    },
  }
})

beforeEach(() => {
  encoded.length = 0
})

/** Expects one request to have been encoded, and no byte of it to be left. */
function expectZeroed(): void {
  expect(encoded).toHaveLength(1)
  expect(encoded[0]?.length).toBeGreaterThan(10)
  expect(encoded[0]?.some((byte) => byte !== 0)).toBe(false)
}

it('a request that is refused for its options leaves no bytes', async () => {
  const client = newClient(await startTestServer())
  await expectCode(client.create(hello, { timeout: NaN }), 'ERR_INVALID_OPTION')
  expectZeroed()
})

it('a request that is too large leaves no bytes', async () => {
  const client = newClient(await startTestServer())
  const content = 'x'.repeat(10 * 1024 * 1024)
  const large = { model: 'm', messages: [{ role: 'user' as const, content }] }
  await expectCode(client.create(large), 'ERR_REQUEST_TOO_LARGE')
  expectZeroed()
})

it('a payload that writes itself as another value leaves no bytes', async () => {
  const client = newStepClient(await startTestServer())
  for (const value of ['the prompt', ['the prompt'], 1234567890123]) {
    encoded.length = 0
    const payload = { model: 'm', toJSON: () => value }
    await expectCode(client.encryptPayload(payload), 'ERR_INVALID_REQUEST')
    expectZeroed()
  }
})

it('a payload whose server key cannot be fetched leaves no bytes', async () => {
  const server = await startTestServer()
  server.answerKeyFetch = (response) => void response.writeHead(404).end()
  await expectCode(newStepClient(server).encryptPayload({ model: 'm' }), 'ERR_NOT_FOUND')
  expectZeroed()
})

it.each([undefined, 'ERR_REPLY_MISMATCH'])(
  'the copy for a receipt leaves no bytes, with the outcome %s',
  async (code) => {
    const client = newStepClient(await startTestServer(), { onReceipt: () => undefined })
    const headers = { 'x-public-key': encodeURIComponent(await client.publicKey()) }
    const completion = { choices: [], _metadata: { payload_id: code ?? 'mine' } }
    const answer = await sealFor({ headers, body: new Uint8Array() }, completion)
    const opening = client.decryptResponse(answer, 'mine', { model: 'm', prompt: 'the prompt' })
    if (code === undefined) await opening
    else await expectCode(opening, code)
    expectZeroed()
  },
)
