import '@nomyo-internal/testing/vector-keys'
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestMatches, type Receipt } from '@nomyo/attest/receipt'
import { openJson } from '@nomyo/crypto'
import { temporaryFolder, expectCode, withCode } from '@nomyo-internal/testing'
import { keyFile } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import {
  InvalidRequestError,
  SecureCompletionClient,
  type SecureCompletionClientOptions,
} from '../src/index.js'
import {
  hello,
  sealFor,
  startTestServer,
  newStepClient,
  testKey,
  type TestServer,
} from './support.js'

/** A client without keys. */
const newClient = (server: TestServer, options: SecureCompletionClientOptions = {}) =>
  newStepClient(server, { keyDir: undefined, ...options })

/** The reference client's test key, as files. */
function testKeyFiles(): { privatePath: string; publicPath: string } {
  const folder = temporaryFolder()
  const privatePath = join(folder, 'mine.pem')
  const publicPath = join(folder, 'mine.pub.pem')
  writeFileSync(privatePath, keyFile('keys/client.private.pem'), { mode: 0o600 })
  writeFileSync(publicPath, keyFile('keys/client.public.pem'))
  return { privatePath, publicPath }
}

describe('SecureCompletionClient', () => {
  it('completes a request in single steps', async () => {
    const server = await startTestServer()
    const client = newClient(server)
    const { privatePath, publicPath } = testKeyFiles()
    await client.loadKeys(privatePath, publicPath)
    expect(await client.publicKey()).toBe((await testKey('client')).publicKey.pem)
    expect(await client.fetchServerPublicKey()).toBe(server.serverKey.publicKey.pem)

    const envelope = await client.encryptPayload({ anything: ['at', 'all'] })
    const { value } = await openJson(envelope, server.serverKey.privateKey)
    expect(value).toEqual({ anything: ['at', 'all'] })

    const headers = { 'x-public-key': encodeURIComponent(await client.publicKey()) }
    const seal = () => sealFor({ headers, body: envelope }, { _metadata: { payload_id: 'mine' } })
    const answer = await seal()
    const opened = await client.decryptResponse(answer, 'mine')
    expect(opened._metadata).toMatchObject({ payload_id: 'mine', is_encrypted: true })
    await expectCode(client.decryptResponse(await seal(), 'yours'), 'ERR_REPLY_MISMATCH')
    await expectCode(client.decryptResponse(answer, 'mine'), 'ERR_REPLY_REPLAYED')
  })

  it('throws the error that is encrypted in a refusal', async () => {
    const client = newClient(await startTestServer())
    await client.loadKeys(testKeyFiles().privatePath)
    const headers = { 'x-public-key': encodeURIComponent(await client.publicKey()) }
    const error = { status: 400, message: 'm', type: null, param: null, code: 'too_long' }
    const seal = (metadata: object): Promise<Uint8Array> =>
      sealFor({ headers, body: new Uint8Array() }, { error, _metadata: metadata })
    const bound = await seal({ payload_id: 'mine', response_status: 'error' })
    const failure = client.decryptResponse(bound, 'mine')
    await expect(failure).rejects.toMatchObject({ statusCode: 400, sealedError: error })
    const unbound = await seal({ response_status: 'error' })
    await expectCode(client.decryptResponse(unbound, 'mine'), 'ERR_REPLY_MISMATCH')
    const other = await seal({ payload_id: 'mine', response_status: 'error' })
    await expectCode(client.decryptResponse(other, 'yours'), 'ERR_REPLY_MISMATCH')
  })

  it('emits a receipt with every answer, given the payload', async () => {
    const server = await startTestServer()
    const receipts: Receipt[] = []
    const client = newClient(server, { onReceipt: (receipt) => void receipts.push(receipt) })
    await client.loadKeys(testKeyFiles().privatePath)
    const payload = { any: 'request' }
    const seen = {
      headers: { 'x-public-key': encodeURIComponent(await client.publicKey()) },
      body: await client.encryptPayload(payload),
    }
    const answer = await sealFor(seen, { choices: [] })
    await expectCode(client.decryptResponse(answer, 'mine'), 'ERR_INVALID_REQUEST')
    await client.decryptResponse(answer, 'mine', payload)
    const [receipt, ...others] = receipts
    expect(others).toEqual([])
    expect(receipt).toMatchObject({
      payloadId: 'mine',
      serverKey: server.serverKey.publicKey.fingerprint,
    })
    expect(await digestMatches(payload, 'request', receipt!.request)).toBe(true)
  })

  it('sends a request under the id, key and tier it is given, retries under others', async () => {
    const server = await startTestServer()
    const echo = server.answer
    server.answer = (seen, response) => {
      if (server.completions.length > 1) return echo(seen, response)
      response.writeHead(429, { 'retry-after': '0' }).end()
    }
    const client = newClient(server, { apiKey: 'constructor' })
    const { privatePath } = testKeyFiles()
    await client.loadKeys(privatePath)
    const completion = await client.sendSecureRequest(hello, 'payload-1', 'argument', 'maximum')
    const [first, second] = server.completions.map(({ headers }) => headers)
    expect(first).toMatchObject({
      'x-payload-id': 'payload-1',
      authorization: 'Bearer argument',
      'x-security-tier': 'maximum',
    })
    expect(second?.['x-payload-id']).not.toBe('payload-1')
    expect(completion._metadata.payload_id).toBe(second?.['x-payload-id'])
  })

  it.each(['', 'two\r\nlines', 'x'.repeat(201)])('refuses %j as an id', async (payloadId) => {
    const server = await startTestServer()
    const call = newClient(server).sendSecureRequest(hello, payloadId)
    await expectCode(call, 'ERR_INVALID_REQUEST')
    expect(server.completions).toHaveLength(0)
  })

  it('names an argument of the wrong kind, and sends nothing', async () => {
    const server = await startTestServer()
    const client = newClient(server)
    const calls: [name: string, call: (client: never) => Promise<unknown>][] = [
      ['saveToFile', () => client.generateKeys({ saveToFile: 'yes' as never })],
      ['keyDir', () => client.generateKeys({ saveToFile: true, keyDir: '' })],
      ['password', () => client.generateKeys({ password: 'protects nothing' })],
      ['options', () => client.generateKeys('client_keys' as never)],
      ['privateKeyPath', () => client.loadKeys(undefined as never)],
      ['publicKeyPath', () => client.loadKeys('a.pem', 7 as never)],
      ['password', () => client.loadKeys('a.pem', undefined, '')],
      ['encryptedResponse', () => client.decryptResponse('{}' as never, 'id')],
      ['payloadId', () => client.decryptResponse(new Uint8Array(), 7 as never)],
      ['payloadId', () => client.sendSecureRequest(hello, null as never)],
      ['apiKey', () => client.sendSecureRequest(hello, 'id', 7 as never)],
      ['security_tier', () => client.sendSecureRequest(hello, 'id', 'k', 'low' as never)],
      ['options', () => client.sendSecureRequest(hello, 'id', 'k', 'high', 7 as never)],
      ['request', () => client.sendSecureRequest([] as never, 'id')],
      ['payload', () => client.encryptPayload({})],
      ['payload', () => client.encryptPayload([hello])],
      ['payload', () => client.encryptPayload('text' as never)],
    ]
    for (const [name, call] of calls) {
      const failure = expect(call(client as never), `${name}: ${String(call)}`).rejects
      await failure.toThrow(InvalidRequestError)
      await expect(call(client as never)).rejects.toThrow(new RegExp(`\\b${name}\\b`))
    }
    expect([...server.keyFetches, ...server.completions]).toEqual([])
  })

  it.each(['baseUrl', 'replyKeys', 'keyRotationInterval'])('refuses the option %s', (name) => {
    const values = { baseUrl: 'https://host', replyKeys: 'one-time', keyRotationInterval: 1000 }
    const options = { [name]: values[name as keyof typeof values] }
    expect(() => new SecureCompletionClient(options)).toThrow(withCode('ERR_INVALID_OPTION'))
    expect(() => new SecureCompletionClient(options)).toThrow(name)
  })

  it('generates keys in memory, or in a folder without keys', async () => {
    const server = await startTestServer()
    const client = newClient(server)
    await client.generateKeys()
    const inMemory = await client.publicKey()
    const keyDir = join(temporaryFolder(), 'keys')
    await client.generateKeys({ saveToFile: true, keyDir, password: 'open sesame' })
    const inFiles = await client.publicKey()
    expect(inFiles).not.toBe(inMemory)
    expect(readdirSync(keyDir).sort()).toEqual(['private_key.pem', 'public_key.pem'])
    expect(statSync(join(keyDir, 'private_key.pem')).mode & 0o777).toBe(0o600)
    const pem = readFileSync(join(keyDir, 'private_key.pem'), 'utf8')
    expect(pem).toContain('ENCRYPTED PRIVATE KEY')

    await expectCode(client.generateKeys({ saveToFile: true, keyDir }), 'ERR_KEY_FILE')
    expect(readFileSync(join(keyDir, 'private_key.pem'), 'utf8')).toBe(pem)
    expect(await client.publicKey()).toBe(inFiles)

    const other = newClient(server)
    const path = join(keyDir, 'private_key.pem')
    await expectCode(other.loadKeys(path), 'ERR_KEY_PASSWORD')
    await other.loadKeys(path, undefined, 'open sesame')
    expect(await other.publicKey()).toBe(inFiles)
  })

  it('refuses files that do not belong together, and missing ones', async () => {
    const server = await startTestServer()
    const client = newClient(server)
    const { privatePath, publicPath } = testKeyFiles()
    writeFileSync(publicPath, keyFile('keys/other.public.pem'))
    await expectCode(client.loadKeys(privatePath, publicPath), 'ERR_KEY_MISMATCH')
    await expectCode(client.loadKeys(`${privatePath}x`), 'ERR_KEY_FILE')
    await expectCode(client.loadKeys(privatePath, `${publicPath}x`), 'ERR_KEY_FILE')
  })

  it('accepts no calls once it is disposed of', async () => {
    const server = await startTestServer()
    const client = newClient(server)
    client.dispose()
    const calls = [
      client.generateKeys(),
      client.fetchServerPublicKey(),
      client.encryptPayload({}),
      client.decryptResponse(new Uint8Array(), 'x'),
      client.sendSecureRequest(hello, 'x'),
      client.publicKey(),
    ]
    for (const call of calls) await expectCode(call, 'ERR_KEY_DISPOSED')
  })

  it('names the option it refuses', () => {
    expect(() => new SecureCompletionClient({ routerUrl: 'http://host' })).toThrow(
      withCode('ERR_INSECURE_URL'),
    )
    const misspelt = { routerURL: 'https://host' } as SecureCompletionClientOptions
    expect(() => new SecureCompletionClient(misspelt)).toThrow(/routerURL/)
  })
})
