import { parseKeyStatement, type KeyStatement } from '@nomyo/crypto/wire-2'
import { isInstalled } from '@nomyo-internal/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { PASSWORD, SOON, testKeyRedis, type KeyRedis } from '../redis.js'
import {
  failureOf,
  get,
  runCommand,
  testGateway,
  testKeyDir,
  type TestGateway,
} from '../support.js'
import { ask, keyConfigOf, openInner, postSealed, sealMessage } from './client.js'

const PREFIX = 'nomyo:request-keys:'

let shared: KeyRedis
beforeEach(async () => {
  shared = await testKeyRedis()
  await shared.putKey(1)
})

const start = (...args: string[]): Promise<TestGateway> =>
  shared.start('--request-keys', 'redis', ...args)

const statementOf = async (gateway: { readonly url: string }): Promise<KeyStatement> =>
  parseKeyStatement((await get(gateway, '/pki/wire2')).bytes, { now: Date.now() / 1000 })

const namesIn = async ({ client }: KeyRedis): Promise<string[]> =>
  (await client.keys(`${PREFIX}*`)).sort()

describe.skipIf(!isInstalled('redis-server'))('--request-keys redis', () => {
  it('gives gateways that start at the same moment the same statement', async () => {
    const gateways = await Promise.all([start(), start(), start()])
    const documents = await Promise.all(gateways.map((gateway) => get(gateway, '/pki/wire2')))
    const [first, ...others] = documents.map(({ bytes }) => bytes)
    for (const document of others) expect(document).toEqual(first)
    // In the last minutes of an hour, the keys of the next one are there, too.
    const isLate = Date.now() % 3_600_000 > 3_300_000
    expect((await namesIn(shared)).length).toBeLessThanOrEqual(isLate ? 2 : 1)
  })

  it('has each gateway decrypt requests for the keys of another', async () => {
    const [one, two] = [await start(), await start()]
    const config = await keyConfigOf(one)
    const { body, openAnswer } = await sealMessage(config)
    expect((await openInner(await postSealed(two, body), openAnswer())).status).toBe(200)
    // Nor does the other one answer it again.
    const repeated = await sealMessage(config)
    await postSealed(two, repeated.body)
    const second = await openInner(await postSealed(one, repeated.body), repeated.openAnswer())
    expect(second.status).toBe(409)
  })

  it('stores no secret in plaintext, and for the life of the keys only', async () => {
    const gateway = await start()
    const [name = ''] = await namesIn(shared)
    const record = (await shared.client.get(name)) ?? ''
    expect(record).toMatch(/^\d{13}\n[A-Za-z0-9+/]{103}=$/)
    const { notAfter } = await statementOf(gateway)
    const expiresAt = Date.now() + (await shared.client.pttl(name))
    expect(Math.abs(expiresAt - (notAfter + 300) * 1000)).toBeLessThan(5000)
    expect(gateway.log()).not.toContain(PASSWORD)
  })

  it('keeps serving without Redis, and restores the keys that it has lost', async () => {
    const gateway = await start('--redis-failure', 'degrade')
    const before = await statementOf(gateway)
    const names = await namesIn(shared)
    await shared.redis.stop()
    await expect
      .poll(() => gateway.log(), SOON)
      .toMatch(/"code":"ERR_KEY_STORE".*request keys cannot be renewed/)
    expect((await statementOf(gateway)).sha256).toBe(before.sha256)
    expect((await ask(gateway)).status).toBe(200)
    // It keeps nothing on disk.
    await shared.redis.start()
    await expect.poll(() => namesIn(shared), SOON).toEqual(names)
    const other = await start()
    expect((await statementOf(other)).keyList).toEqual(before.keyList)
  })

  it('starts without Redis where the server key is in a folder: 503 until it is there', async () => {
    await shared.redis.stop()
    const gateway = await testGateway({
      keyDir: testKeyDir({ 'private_key.pem': 'encrypted' }),
      args: [
        ...['--engine', 'demo', '--redis', shared.redis.url, '--redis-failure', 'degrade'],
        ...['--request-keys', 'redis'],
      ],
      env: { NOMYO_KEY_PASSWORD: PASSWORD },
    })
    expect((await get(gateway, '/pki/wire2')).status).toBe(503)
    await shared.redis.start()
    await expect.poll(async () => (await get(gateway, '/pki/wire2')).status, SOON).toBe(200)
  })

  it('refuses altered records and those of another password, and goes on with the keys it has', async () => {
    const gateway = await start()
    const before = await statementOf(gateway)
    const [name = ''] = await namesIn(shared)
    const record = (await shared.client.get(name)) ?? ''
    const spoilt = [
      record.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
      // Its time is authenticated, too.
      record.replace(/^\d/, '2'),
      record.slice(0, -4),
      'no record',
      `0\n${'A'.repeat(10_000)}`,
    ]
    for (const other of spoilt) {
      await shared.client.set(name, other, 'KEEPTTL')
      await gateway.reload()
      expect((await statementOf(gateway)).sha256).toBe(before.sha256)
      // A gateway that starts now has no keys, and makes none of its own.
      const late = await start()
      expect((await get(late, '/pki/wire2')).status).toBe(503)
      expect(await shared.client.get(name)).toBe(other)
      await late.stop()
    }
    await shared.client.set(name, record, 'KEEPTTL')
    expect(await statementOf(await start())).toMatchObject({ sha256: before.sha256 })
  })

  it('refuses the record of another period, and makes keys of this one all the same', async () => {
    await start()
    const [name = ''] = await namesIn(shared)
    const record = (await shared.client.get(name)) ?? ''
    const [, period = ''] = /:(\d+)$/.exec(name) ?? []
    const before = name.replace(/\d+$/, String(Number(period) - 1))
    await shared.client.set(before, record)
    const late = await start()
    expect(late.log()).toContain('ERR_KEY_STORE')
    expect((await statementOf(late)).keys).toHaveLength(1)
    expect(await shared.client.get(before)).toBe(record)
  })

  it('needs Redis and a password', async () => {
    const args = ['--engine', 'demo', '--port', '0', '--request-keys', 'redis']
    expect(failureOf(await runCommand(args), 2)).toContain('--redis')
    const withRedis = [...args, '--redis', shared.redis.url]
    expect(failureOf(await runCommand(withRedis), 2)).toContain('--key-password-file')
  })
})

describe.skipIf(!isInstalled('redis-server'))('--redis without --request-keys', () => {
  it('does not offer wire 2, and says so', async () => {
    const gateway = await shared.start()
    expect((await get(gateway, '/pki/wire2')).status).toBe(404)
    expect(gateway.log()).toContain('wire 2 is not offered')
    const alone = await shared.start('--request-keys', 'memory')
    expect((await get(alone, '/pki/wire2')).status).toBe(200)
    const args = ['--engine', 'demo', '--port', '0', ...shared.flags, '--min-wire', '2']
    const ended = await runCommand(args, { NOMYO_KEY_PASSWORD: PASSWORD })
    expect(failureOf(ended, 2)).toContain('--min-wire')
  })
})

describe.skipIf(!isInstalled('redis-server'))('shared identity keys', () => {
  it('are encrypted in Redis, rotated there, and both sign', async () => {
    const [one, two] = [await start(), await start()]
    // Read before it changes.
    const { identity: first } = one
    expect(two.identity).toBe(first)
    const record = (await shared.client.hget('nomyo:identity-keys', '1')) ?? ''
    expect(record).toMatch(/^\d+\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    const ended = await runCommand(['rotate', '--identity', ...shared.flags], {
      NOMYO_KEY_PASSWORD: PASSWORD,
    })
    const wanted = [first, ended.stdout.trimEnd()]
    for (const gateway of [one, two]) {
      await expect.poll(async () => (await statementOf(gateway)).identities, SOON).toEqual(wanted)
    }
  })
})
