import { keyPem } from '@nomyo-internal/testing/vectors'
import { beforeEach, describe, expect, it } from 'vitest'
import { isInstalled } from '@nomyo-internal/testing'
import '@nomyo-internal/testing/vector-keys'
import { createGateway } from '../src/gateway.js'
import { handedOut } from './rotation.js'
import { encryptedKey, KEYS, PASSWORD, SOON, testKeyRedis, type KeyRedis } from './redis.js'
import { failureOf, runCommand, temporaryFile, testGateway, type CommandRun } from './support.js'

const env = { NOMYO_KEY_PASSWORD: PASSWORD }

let shared: KeyRedis
beforeEach(async () => {
  shared = await testKeyRedis()
})

/** A gateway that is not to start. */
const refusedStart = (password = PASSWORD): Promise<CommandRun> =>
  runCommand(['--engine', 'demo', '--port', '0', ...shared.flags], { NOMYO_KEY_PASSWORD: password })

describe.skipIf(!isInstalled('redis-server'))('--shared-keys', () => {
  it('gives gateways that start at the same moment one key, which Redis holds encrypted only', async () => {
    const gateways = await Promise.all([shared.start(), shared.start()])
    const [one, two] = await Promise.all(gateways.map(handedOut))
    expect(one).toBe(two)
    expect(await shared.client.keys('*')).toContain(KEYS)
    const kept = await shared.client.hgetall(KEYS)
    expect(Object.keys(kept)).toEqual(['1'])
    expect(kept['1']).toMatch(/^\d+\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    expect(kept['1']?.match(/BEGIN/g)).toHaveLength(1)
    for (const gateway of gateways) expect(gateway.log()).not.toContain(PASSWORD)
  })

  it('removes a key when its overlap is over', async () => {
    await shared.putKey(1)
    await shared.putKey(2)
    await shared.start('--key-overlap', '1s')
    await expect.poll(() => shared.client.hkeys(KEYS), SOON).toEqual(['2'])
  })

  it('does not start without its Redis', async () => {
    await shared.redis.stop()
    expect(failureOf(await refusedStart())).toContain('(ERR_KEY_STORE)')
    const fingerprint = await runCommand(['fingerprint', ...shared.flags], env)
    expect(fingerprint).toMatchObject({ code: 1, stdout: '' })
  })

  it('does not start with another password, and leaves the key alone', async () => {
    await shared.putKey(1)
    const before = await shared.client.hgetall(KEYS)
    const ended = await refusedStart('canary')
    expect(failureOf(ended)).toContain('(ERR_KEY_PASSWORD)')
    expect(ended.stderr).not.toContain('canary')
    const args = ['rotate', ...shared.flags]
    expect((await runCommand(args, { NOMYO_KEY_PASSWORD: 'canary' })).code).toBe(1)
    expect(await shared.client.hgetall(KEYS)).toEqual(before)
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
    await shared.client.hset(KEYS, field, value)
    const ended = await refusedStart()
    expect(failureOf(ended)).toContain(`(${code})`)
    expect(ended.stderr).not.toContain('canary')
  })

  it('reports what Redis refuses, and never its address with the password', async () => {
    await shared.client.call('CONFIG', 'SET', 'requirepass', 'right')
    const url = shared.redis.url.replace('//', '//:canary@')
    for (const args of [
      ['--port', '0', '--engine', 'demo', '--log-level', 'debug'],
      ['rotate'],
      ['fingerprint'],
    ]) {
      const ended = await runCommand([...args, '--shared-keys'], { ...env, NOMYO_REDIS: url })
      expect(failureOf(ended)).toContain('(ERR_KEY_STORE)')
      expect(ended.stderr).not.toContain('canary')
    }
  })

  it('reads the password from a file', async () => {
    await shared.putKey(1)
    const file = temporaryFile(PASSWORD)
    const gateway = await testGateway({
      args: ['--engine', 'demo', ...shared.flags, '--key-password-file', file],
      ignoresKeyDir: true,
    })
    expect(await handedOut(gateway)).toBe(encryptedKey.fingerprint)
  })

  it('of a program needs all that it needs of the command line', async () => {
    const config = {
      host: '127.0.0.1',
      port: 0,
      engine: { kind: 'demo' },
      keyDir: undefined,
      sharedKeys: true,
      keys: { password: PASSWORD },
      redis: { url: shared.redis.url },
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
