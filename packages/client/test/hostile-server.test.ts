import { SecurityError, sealJson } from '@nomyo/crypto'
import { keyPem, malformedBody, malformedVectors } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import {
  connect,
  newSession,
  type Seen,
  startTestServer,
  testKey,
  type TestServer,
} from './support.js'
import { expectCode } from '@nomyo-internal/testing'

/** A server whose answers to sealed requests are these bytes. */
async function answering(
  bytes: (seen: Seen, server: TestServer) => Promise<Uint8Array | string> | Uint8Array | string,
): Promise<TestServer> {
  const server = await startTestServer()
  server.answer = async (seen, response) => {
    response.end(await bytes(seen, server))
  }
  return server
}

describe('an answer of a hostile server', () => {
  it('is refused in every malformed form, whatever its class', async () => {
    const { server, ask } = await connect()
    const replyKey = (await testKey('client')).publicKey
    for (const vector of malformedVectors().filter(({ strict }) => strict === 'must')) {
      const body = await malformedBody(vector, (text) => sealJson(text, replyKey))
      server.answer = (_seen, response) => void response.end(body)
      await expect(ask(), vector.name).rejects.toBeInstanceOf(SecurityError)
    }
  })

  it.each(['null', 'array', 'string'])('is refused when its _metadata is %s', async (kind) => {
    const vector = malformedVectors().find(({ name }) => name === `_metadata is ${kind}`)
    const server = await answering(() => vector?.body ?? '')
    const ask = await newSession({ baseUrl: server.url })
    await expectCode(ask(), 'ERR_PLAINTEXT_INVALID')
  })

  it('pollutes no prototype', async () => {
    const vector = malformedVectors().find((candidate) => candidate.class === 'POLLUTION')
    const server = await answering(() => vector?.body ?? '')
    const ask = await newSession({ baseUrl: server.url })
    const completion = await ask()
    expect(completion._metadata['polluted']).toBeUndefined()
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(Object.getPrototypeOf(completion._metadata)).toBe(Object.prototype)
  })

  it('cannot hold a request forever', async () => {
    const { server, ask } = await connect({ timeout: 300 })
    server.answer = (_seen, response) => {
      response.writeHead(200)
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => {
        clearInterval(drip)
      })
    }
    await expectCode(ask(), 'ERR_TIMEOUT')
  })
})

describe('a server key of a hostile server', () => {
  it.each([
    ['exponent 1', 'keys/e-1.public.pem', 'ERR_KEY_WEAK'],
    ['16384 bits', 'keys/n-16384.public.pem', 'ERR_KEY_LIMIT'],
    ['a certificate', 'keys/certificate.pem', 'ERR_KEY_TYPE'],
    ['a private key', 'keys/private-as-public.pem', 'ERR_KEY_TYPE'],
  ])('is refused when it is %s, and nothing is encrypted to it', async (_what, file, code) => {
    const { server, ask } = await connect()
    server.answerKeyFetch = (response) => void response.end(keyPem(file))
    await expect(ask()).rejects.toMatchObject({ code })
    expect(server.completions).toHaveLength(0)
  })

  it('may be smaller where the caller allows it', async () => {
    const { server, ask } = await connect({ minServerKeyBits: 2048 })
    server.answerKeyFetch = (response) => void response.end(keyPem('keys/rsa2048.public.pem'))
    server.answer = (_seen, response) => void response.writeHead(418).end()
    await expect(ask()).rejects.toMatchObject({ statusCode: 418 })
  })

  it('is refused when none of the pins names it', async () => {
    const server = await startTestServer()
    const { publicKey } = await testKey('other')
    const ask = await newSession({ baseUrl: server.url, serverKeyPins: [publicKey.fingerprint] })
    await expectCode(ask(), 'ERR_WIRE_DOWNGRADE')
    expect(server.completions).toHaveLength(0)
    const pinned = await newSession({
      baseUrl: server.url,
      serverKeyPins: [publicKey.fingerprint, server.serverKey.publicKey.fingerprint],
    })
    expect((await pinned()).choices[0].message.content).toBe('Hello!')
  })

  it('is fetched again after a failed fetch', async () => {
    const { server, ask } = await connect()
    server.answerKeyFetch = (response) => void response.writeHead(500).end()
    await expectCode(ask(), 'ERR_SERVER')
    server.answerKeyFetch = undefined
    expect((await ask()).choices[0].message.content).toBe('Hello!')
  })

  it('cannot hold a request forever', async () => {
    const { server, ask } = await connect({ timeout: 200 })
    server.answerKeyFetch = () => undefined
    await expectCode(ask(), 'ERR_TIMEOUT')
  })
})
