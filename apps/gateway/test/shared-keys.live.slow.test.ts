import { beforeEach, describe, expect, it } from 'vitest'
import { isInstalled, until } from '@nomyo-internal/testing'
import { handedOut, rotateUnderLoad, statusFor } from './rotation.js'
import { encryptedKey, KEYS, PASSWORD, SOON, testKeyRedis, type KeyRedis } from './redis.js'
import { runCommand, type CommandRun } from './support.js'

const env = { NOMYO_KEY_PASSWORD: PASSWORD }

let shared: KeyRedis
beforeEach(async () => {
  shared = await testKeyRedis()
})

describe.skipIf(!isInstalled('redis-server'))('--shared-keys', () => {
  it('fails no request of two gateways while the key is rotated', async () => {
    await shared.putKey(1)
    const gateways = [await shared.start(), await shared.start()] as const
    let rotated: CommandRun | undefined
    const seen = await rotateUnderLoad(gateways, async () => {
      const args = ['rotate', ...shared.flags]
      rotated = await runCommand(args, env)
    })
    expect(seen.failed).toEqual([])
    expect(seen.afterwards).toBeGreaterThan(0)
    const fingerprint = await handedOut(gateways[0])
    expect(rotated).toMatchObject({ code: 0, stdout: `${fingerprint}\n` })
    const printed = await runCommand(['fingerprint', ...shared.flags], env)
    expect(printed.stdout.startsWith(`${fingerprint} `)).toBe(true)
    // The key before still opens, at both.
    for (const gateway of gateways) expect(await statusFor(gateway, encryptedKey)).toBe(200)
  })

  it('keeps the keys in use while Redis is unavailable, logs that once, and catches up', async () => {
    await shared.putKey(1)
    const gateway = await shared.start('--redis-failure', 'degrade')
    await shared.redis.stop()
    await expect.poll(() => gateway.log(), SOON).toContain('"code":"ERR_KEY_STORE"')
    await new Promise((resolve) => setTimeout(resolve, 5000))
    expect(await handedOut(gateway)).toBe(encryptedKey.fingerprint)
    expect(await statusFor(gateway, encryptedKey)).toBe(200)
    expect(gateway.log().match(/"code":"ERR_KEY_STORE"/g)).toHaveLength(1)
    // It kept nothing on disk: a gateway that starts now must not make another key.
    await shared.redis.start()
    await expect.poll(() => shared.client.hkeys(KEYS), SOON).toEqual(['1'])
    expect(await handedOut(await shared.start())).toBe(encryptedKey.fingerprint)
    const rotated = await runCommand(['rotate', ...shared.flags], env)
    await until(async () => `${await handedOut(gateway)}\n` === rotated.stdout)
  })
})
