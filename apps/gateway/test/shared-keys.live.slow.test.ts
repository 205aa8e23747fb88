import { importPublicKey } from '@nomyo/crypto'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { Redis } from 'ioredis'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { isInstalled, startRedis, until, type RedisServer } from '@nomyo-internal/testing'
import { handedOut, rotateUnderLoad, statusFor } from './rotation.js'
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

describe.skipIf(!isInstalled('redis-server'))('--shared-keys', () => {
  it('fails no request of two gateways while the key is rotated', async () => {
    await putKey(1)
    const gateways = [await start(), await start()] as const
    let rotated: CommandRun | undefined
    const seen = await rotateUnderLoad(gateways, async () => {
      const args = ['rotate', '--shared-keys', '--redis', redis.url]
      rotated = await runCommand(args, env)
    })
    expect(seen.failed).toEqual([])
    expect(seen.afterwards).toBeGreaterThan(0)
    const fingerprint = `${await handedOut(gateways[0])}\n`
    expect(rotated).toMatchObject({ code: 0, stdout: fingerprint, stderr: expect.any(String) })
    const printed = await runCommand(['fingerprint', '--shared-keys', '--redis', redis.url], env)
    expect(printed).toMatchObject({ code: 0, stdout: fingerprint, stderr: '' })
    // The key before still opens, at both.
    for (const gateway of gateways) expect(await statusFor(gateway, encryptedKey)).toBe(200)
  })

  it('keeps the keys in use while Redis is unavailable, logs that once, and catches up', async () => {
    await putKey(1)
    const gateway = await testGateway({
      args: [...flags(), '--redis-failure', 'degrade'],
      env,
      ignoresKeyDir: true,
    })
    await redis.stop()
    await expect.poll(() => gateway.log(), SOON).toContain('"code":"ERR_KEY_STORE"')
    await new Promise((resolve) => setTimeout(resolve, 5000))
    expect(await handedOut(gateway)).toBe(encryptedKey.fingerprint)
    expect(await statusFor(gateway, encryptedKey)).toBe(200)
    expect(gateway.log().match(/"code":"ERR_KEY_STORE"/g)).toHaveLength(1)
    // It kept nothing on disk: a gateway that starts now must not make another key.
    await redis.start()
    await expect.poll(() => client.hkeys(HASH), SOON).toEqual(['1'])
    expect(await handedOut(await start())).toBe(encryptedKey.fingerprint)
    const rotated = await runCommand(['rotate', '--shared-keys', '--redis', redis.url], env)
    await until(async () => `${await handedOut(gateway)}\n` === rotated.stdout)
  })
})
