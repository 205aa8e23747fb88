import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { importPublicKey } from '@nomyo/crypto'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { Redis } from 'ioredis'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { isInstalled, startRedis, temporaryFolder, type RedisServer } from '@nomyo-internal/testing'
import '@nomyo-internal/testing/vector-keys'
import { createGateway } from '../src/gateway.js'
import { handedOut } from './rotation.js'
import { runCommand, testGateway, type CommandRun, type TestGateway } from './support.js'

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
    await redis.stop()
  })
})

/** Puts the encrypted key of the vectors there: reading one is much quicker than making one. */
const putKey = (number: number, madeAtMs = Date.now() - 60_000): Promise<number> =>
  client.hset(HASH, String(number), `${madeAtMs}\n${keyPem('keys/encrypted.private.pem')}`)

const flags = (): string[] => ['--engine', 'demo', '--shared-keys', '--redis', redis.url]
const start = (): Promise<TestGateway> => testGateway({ args: flags(), env, ignoresKeyDir: true })

/** A gateway that is not to start. */
const refusedStart = (password = PASSWORD): Promise<CommandRun> =>
  runCommand(['--port', '0', ...flags()], { NOMYO_KEY_PASSWORD: password })

describe.skipIf(!isInstalled('redis-server'))('--shared-keys', () => {
  it('gives gateways that start at the same moment one key, which Redis holds encrypted only', async () => {
    const gateways = await Promise.all([start(), start()])
    const [one, two] = await Promise.all(gateways.map(handedOut))
    expect(one).toBe(two)
    expect(await client.keys('*')).toContain(HASH)
    const kept = await client.hgetall(HASH)
    expect(Object.keys(kept)).toEqual(['1'])
    expect(kept['1']).toMatch(/^\d+\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    expect(kept['1']?.match(/BEGIN/g)).toHaveLength(1)
    for (const gateway of gateways) expect(gateway.log()).not.toContain(PASSWORD)
  })

  it('removes a key when its overlap is over', async () => {
    await putKey(1)
    await putKey(2)
    await testGateway({
      args: [...flags(), '--key-overlap', '1s'],
      env,
      ignoresKeyDir: true,
    })
    await expect.poll(() => client.hkeys(HASH), SOON).toEqual(['2'])
  })

  it('does not start without its Redis', async () => {
    await redis.stop()
    const ended = await refusedStart()
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain('(ERR_KEY_STORE)')
    expect(ended.stderr).not.toMatch(/^\s+at /m)
    const fingerprint = await runCommand(
      ['fingerprint', '--shared-keys', '--redis', redis.url],
      env,
    )
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
    expect(await runCommand(args, { NOMYO_KEY_PASSWORD: 'canary' })).toMatchObject({
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

  it('reports what Redis refuses, and never its address with the password', async () => {
    await client.call('CONFIG', 'SET', 'requirepass', 'right')
    const url = redis.url.replace('//', '//:canary@')
    for (const args of [
      ['--port', '0', '--engine', 'demo', '--log-level', 'debug'],
      ['rotate'],
      ['fingerprint'],
    ]) {
      const ended = await runCommand([...args, '--shared-keys'], { ...env, NOMYO_REDIS: url })
      expect(ended).toMatchObject({ code: 1, stdout: '' })
      expect(ended.stderr).toContain('(ERR_KEY_STORE)')
      expect(ended.stderr).not.toContain('canary')
    }
  })

  it('reads the password from a file', async () => {
    await putKey(1)
    const folder = temporaryFolder()
    const file = join(folder, 'password')
    await writeFile(file, PASSWORD)
    const gateway = await testGateway({
      args: [...flags(), '--key-password-file', file],
      ignoresKeyDir: true,
    })
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
    const ended = await runCommand([...before, ...args], variables)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).not.toContain(PASSWORD)
  }
})
