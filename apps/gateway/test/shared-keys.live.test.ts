import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importPublicKey } from '@nomyo/crypto'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { Redis } from 'ioredis'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createGateway } from '../src/gateway.js'
import { redisFound, startRedis, type RedisServer } from './redis/redis-server.js'
import { handedOut, rotateUnderLoad, statusFor, until } from './rotation.js'
import { runGateway, testGateway, type Ended, type GatewayProcess } from './support.js'

const HASH = 'nomyo:server-keys'
const SOON = { timeout: 30_000, interval: 250 }
/** Of the encrypted key of the vectors. */
const PASSWORD = 'correct horse battery staple'
const encryptedKey = await importPublicKey(keyPem('keys/encrypted.public.pem'))
const env = { NOMYO_KEY_PASSWORD: PASSWORD }

let redis: RedisServer
let client: Redis
beforeEach(async () => {
  redis = await startRedis()
  client = new Redis(redis.url, { retryStrategy: () => 100 }).on('error', () => undefined)
  onTestFinished(async () => {
    client.disconnect()
    await redis.kill()
  })
})

/** Puts the encrypted key of the vectors there: reading one is much quicker than making one. */
const putKey = (number: number, madeAtMs = Date.now() - 60_000): Promise<number> =>
  client.hset(HASH, String(number), `${madeAtMs}\n${keyPem('keys/encrypted.private.pem')}`)

const flags = (): string[] => [
  '--engine',
  'demo',
  '--key-dir=',
  '--shared-keys',
  '--redis',
  redis.url,
]
const start = (): Promise<GatewayProcess> => testGateway({ args: flags(), env })

/** A gateway that is not to start. */
async function refusedStart(password = PASSWORD): Promise<Ended> {
  const run = runGateway(['--port', '0', ...flags()], { NOMYO_KEY_PASSWORD: password })
  onTestFinished(() => run.kill('SIGKILL'))
  return run.ended
}

describe.skipIf(!redisFound)('--shared-keys', () => {
  it('gives gateways that start at the same moment one key, which Redis holds encrypted only', async () => {
    const gateways = await Promise.all([start(), start()])
    const [one, two] = await Promise.all(gateways.map(handedOut))
    expect(one).toBe(two)
    expect(await client.keys('*')).toContain(HASH)
    const kept = await client.hgetall(HASH)
    expect(Object.keys(kept)).toEqual(['1'])
    expect(kept['1']).toMatch(/^\d+\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    expect(kept['1']?.match(/BEGIN/g)).toHaveLength(1)
    for (const gateway of gateways) expect(gateway.output()).not.toContain(PASSWORD)
  })

  it('fails no request of two gateways while the key is rotated', async () => {
    await putKey(1)
    const gateways = [await start(), await start()] as const
    let rotated: Ended | undefined
    const seen = await rotateUnderLoad(gateways, async () => {
      const args = ['rotate', '--shared-keys', '--redis', redis.url]
      rotated = await runGateway(args, env).ended
    })
    expect(seen.failed).toEqual([])
    expect(seen.afterwards).toBeGreaterThan(0)
    const fingerprint = `${await handedOut(gateways[0])}\n`
    expect(rotated).toMatchObject({ code: 0, stdout: fingerprint, stderr: expect.any(String) })
    const printed = await runGateway(['fingerprint', '--shared-keys', '--redis', redis.url], env)
      .ended
    expect(printed).toMatchObject({ code: 0, stdout: fingerprint, stderr: '' })
    // The key before still opens, at both.
    for (const gateway of gateways) expect(await statusFor(gateway, encryptedKey)).toBe(200)
  })

  it('removes a key when its overlap is over', async () => {
    await putKey(1)
    await putKey(2)
    await testGateway({ args: [...flags(), '--key-overlap', '1s'], env })
    await expect.poll(() => client.hkeys(HASH), SOON).toEqual(['2'])
  })

  it('goes on with the keys in use while Redis is gone, says so once, and catches up', async () => {
    await putKey(1)
    const gateway = await testGateway({
      args: [...flags(), '--redis-failure', 'degrade'],
      env,
    })
    await redis.kill()
    await expect.poll(() => gateway.stderr(), SOON).toContain('"code":"ERR_KEY_STORE"')
    await new Promise((resolve) => setTimeout(resolve, 5000))
    expect(await handedOut(gateway)).toBe(encryptedKey.fingerprint)
    expect(await statusFor(gateway, encryptedKey)).toBe(200)
    expect(gateway.stderr().match(/"code":"ERR_KEY_STORE"/g)).toHaveLength(1)
    // It kept nothing on disk: a gateway that starts now must not make another key.
    await redis.start()
    await expect.poll(() => client.hkeys(HASH), SOON).toEqual(['1'])
    expect(await handedOut(await start())).toBe(encryptedKey.fingerprint)
    const rotated = await runGateway(['rotate', '--shared-keys', '--redis', redis.url], env).ended
    await until(async () => `${await handedOut(gateway)}\n` === rotated.stdout)
  })

  it('does not start without its Redis', async () => {
    await redis.kill()
    const ended = await refusedStart()
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain('(ERR_KEY_STORE)')
    expect(ended.stderr).not.toMatch(/^\s+at /m)
    const fingerprint = await runGateway(
      ['fingerprint', '--shared-keys', '--redis', redis.url],
      env,
    ).ended
    expect(fingerprint).toMatchObject({ code: 1, stdout: '' })
  })

  it('does not start with another password, and leaves the key alone', async () => {
    await putKey(1)
    const before = await client.hgetall(HASH)
    const ended = await refusedStart('canary')
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain('(ERR_KEY_PASSWORD)')
    expect(ended.stderr).not.toContain('canary')
    const args = ['rotate', '--shared-keys', '--redis', redis.url]
    expect(await runGateway(args, { NOMYO_KEY_PASSWORD: 'canary' }).ended).toMatchObject({
      code: 1,
    })
    expect(await client.hgetall(HASH)).toEqual(before)
  })

  it.each([
    ['no key', '1', 'canary', 'ERR_KEY_STORE'],
    [
      'a number that is none',
      'canary',
      `1\n${keyPem('keys/encrypted.private.pem')}`,
      'ERR_KEY_STORE',
    ],
    [
      'a key without a password',
      '1',
      `1\n${keyPem('keys/server.private.pem')}`,
      'ERR_KEY_PASSWORD',
    ],
    ['a damaged key', '1', '1\n-----BEGIN canary', 'ERR_KEY_INVALID'],
  ])('does not start where Redis holds %s', async (_what, field, value, code) => {
    await client.hset(HASH, field, value)
    const ended = await refusedStart()
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain(`(${code})`)
    expect(ended.stderr).not.toContain('canary')
  })

  it('says what Redis refuses, and never its address with the password', async () => {
    await client.call('CONFIG', 'SET', 'requirepass', 'right')
    const url = redis.url.replace('//', '//:canary@')
    for (const args of [
      ['--port', '0', '--engine', 'demo', '--log-level', 'debug'],
      ['rotate'],
      ['fingerprint'],
    ]) {
      const ended = await runGateway([...args, '--shared-keys'], { ...env, NOMYO_REDIS: url }).ended
      expect(ended).toMatchObject({ code: 1, stdout: '' })
      expect(ended.stderr).toContain('(ERR_KEY_STORE)')
      expect(ended.stderr).not.toContain('canary')
    }
  })

  it('reads the password from a file', async () => {
    await putKey(1)
    const folder = await mkdtemp(join(tmpdir(), 'nomyo-password-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'password')
    await writeFile(file, PASSWORD)
    const gateway = await testGateway({ args: [...flags(), '--key-password-file', file] })
    expect(await handedOut(gateway)).toBe(encryptedKey.fingerprint)
  })

  it('of a program needs all that it needs of the command line', async () => {
    const config = {
      host: '127.0.0.1',
      port: 0,
      engine: { kind: 'demo' },
      apiKeys: [],
      keyDir: undefined,
      sharedKeys: true,
      keys: { password: PASSWORD },
      redis: { url: redis.url },
      maxBodyBytes: 1024,
      logLevel: 'silent',
    } as const
    for (const lacking of [{ redis: undefined }, { keys: undefined }, { keyDir: '/keys' }]) {
      await expect(createGateway({ ...config, ...lacking })).rejects.toMatchObject({
        code: 'ERR_KEY_STORE',
      })
    }
  })
})

it.each<[string[], Record<string, string>]>([
  [['--shared-keys'], env],
  [['--shared-keys', '--redis', 'redis://127.0.0.1'], {}],
  [['--shared-keys', '--redis', 'redis://127.0.0.1', '--key-dir', 'k'], env],
])('%j is a usage error', async (args, variables) => {
  for (const before of [['--engine', 'demo', '--port', '0'], ['rotate'], ['fingerprint']]) {
    const ended = await runGateway([...before, ...args], variables).ended
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).not.toContain(PASSWORD)
  }
})
