import '@nomyo-internal/testing/vector-keys'
import { chmodSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { saveKeyPair } from '@nomyo/crypto/keys/node'
import { importPrivateKey } from '@nomyo/crypto'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder, expectCode, makeKeyDir } from '@nomyo-internal/testing'
import { hello, newClient, newStepClient, startTestServer, type TestServer } from './support.js'

const replyKeysSeen = (server: TestServer): Set<unknown> =>
  new Set(server.completions.map(({ headers }) => headers['x-public-key']))

describe('the reply key of a client', () => {
  it('is the one of keyDir, under its password', async () => {
    const server = await startTestServer()
    const keyDir = join(temporaryFolder(), 'keys')
    const pair = await importPrivateKey(keyPem('keys/client.private.pem'), { extractable: true })
    await saveKeyPair(keyDir, pair, { password: 'open sesame' })
    await newClient(server, { keyDir, keyPassword: 'open sesame' }).create(hello)
    expect([...replyKeysSeen(server)]).toEqual([encodeURIComponent(pair.publicKey.pem)])
    const wrong = newClient(server, { keyDir, keyPassword: 'open barley' })
    await expectCode(wrong.create(hello), 'ERR_KEY_PASSWORD')
    expect(readdirSync(keyDir)).toHaveLength(2)
  })

  it('is reported to the log of the client where other users can read its file', async () => {
    const keyDir = makeKeyDir({ 'private_key.pem': 'client' }, temporaryFolder())
    const path = join(keyDir, 'private_key.pem')
    chmodSync(path, 0o644)
    const server = await startTestServer()
    const lines: string[] = []
    const logger = { warn: (line: string) => void lines.push(line) }
    await newClient(server, { keyDir, logger }).create(hello)
    const steps = newStepClient(server, { keyDir: undefined, logger })
    await steps.loadKeys(path)
    expect(lines.filter((line) => line.includes(path))).toHaveLength(2)
  })

  it('is replaced by the clock, without disturbing calls in flight', async () => {
    const server = await startTestServer()
    const client = newClient(server, { keyRotationInterval: 50 })
    const calls: Promise<unknown>[] = []
    const until = Date.now() + 20_000
    while (replyKeysSeen(server).size < 2 && Date.now() < until) {
      calls.push(client.create(hello))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await Promise.all(calls)
    expect(replyKeysSeen(server).size).toBeGreaterThan(1)
  })

  it('is another one for every attempt in one-time mode', async () => {
    const server = await startTestServer()
    const client = newClient(server, { keyDir: undefined, replyKeys: 'one-time' })
    await Promise.all([client.create(hello), client.create(hello)])
    expect(replyKeysSeen(server).size).toBe(2)
  })

  it('leaves no file behind unless asked', async () => {
    const server = await startTestServer()
    const folder = temporaryFolder()
    const before = process.cwd()
    process.chdir(folder)
    onTestFinished(() => {
      process.chdir(before)
    })
    await newClient(server, { keyDir: undefined }).create(hello)
    expect(readdirSync(folder)).toEqual([])
  })
})
