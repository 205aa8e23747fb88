import { describe, expect, it } from 'vitest'
import { fileGateway } from '../support.js'
import { ask, keyConfigOf, openInner, postSealed, sealMessage } from './client.js'

const gateway = await fileGateway()

describe('a request of wire 2', () => {
  it('is answered inside the encryption', async () => {
    const id = 'the-id-of-this-call'
    const answer = await ask(gateway, { fields: { 'idempotency-key': id } })
    expect(answer.status).toBe(200)
    expect(answer.json).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { content: 'Hello!' } }],
      _metadata: {
        payload_id: id,
        response_status: 'success',
        is_encrypted: true,
        encryption_algorithm: 'OHTTP MLKEM768-X25519 HKDF-SHA256 AES-256-GCM',
        wire: { version: 2 },
      },
    })
  })

  it('is replayed in vain', async () => {
    const { body, openAnswer } = await sealMessage(await keyConfigOf(gateway))
    expect((await postSealed(gateway, body)).status).toBe(200)
    const second = await openInner(await postSealed(gateway, body), openAnswer())
    expect(second.status).toBe(409)
  })

  it('for an unknown key is refused outside', async () => {
    const { body } = await sealMessage(await keyConfigOf(gateway))
    body[0] = (body[0] ?? 0) ^ 0x40
    const answer = await postSealed(gateway, body)
    expect(answer.status).toBe(400)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  })
})
