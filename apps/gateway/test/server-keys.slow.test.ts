import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SecureChatCompletion } from '@nomyo/client'
import { describe, expect, it } from 'vitest'
import { until } from '@nomyo-internal/testing'
import { handedOut, rotateUnderLoad, statusFor } from './rotation.js'
import { runCommand, serverKeys, testGateway, testKeyDir, type TestGateway } from './support.js'

describe('rotation', () => {
  it.each([
    ['rotateKey', (gateway: TestGateway) => gateway.rotateKey()],
    [
      'the rotate command',
      async ({ keyDir }: TestGateway) => {
        expect((await runCommand(['rotate', '--key-dir', keyDir])).code).toBe(0)
      },
    ],
  ])('by %s under load fails no request', async (_what, rotate) => {
    const gateway = await testGateway()
    let done = false
    let answered = 0
    // Keys that are there already: three clients that make theirs are a load of another kind.
    const keyDir = testKeyDir({ 'private_key.pem': 'client' })
    const ask = async (): Promise<void> => {
      // Without retries, so that a failure would show.
      const client = new SecureChatCompletion({
        baseUrl: gateway.url,
        allowHttp: true,
        keyDir,
        maxRetries: 0,
        logger: { warn: () => undefined },
      })
      while (!done) {
        const completion = await client.create({
          model: 'nomyo/echo',
          messages: [{ role: 'user', content: 'under load' }],
        })
        expect(completion.choices[0].message.content).toBe('under load')
        answered++
      }
      client.dispose()
    }
    const load = Promise.all([ask(), ask(), ask()])
    await until(() => answered > 3)
    await rotate(gateway)
    await until(async () => (await handedOut(gateway)) !== serverKeys.publicKey.fingerprint)
    const rotatedAt = answered
    await until(() => answered > rotatedAt + 6)
    done = true
    await load
    const fingerprint = await handedOut(gateway)
    expect(gateway.log()).toContain(fingerprint)
    // A client with the key of before is served as well, and who starts now gets the new one.
    expect(await statusFor(gateway, serverKeys.publicKey)).toBe(200)
    const newest = await runCommand(['fingerprint', '--key-dir', gateway.keyDir])
    expect(newest.code).toBe(0)
    expect(newest.stdout.startsWith(`${fingerprint} `)).toBe(true)
    const { mode } = await stat(join(gateway.keyDir, 'key-2', 'private_key.pem'))
    expect(mode & 0o777).toBe(0o600)
    expect((await stat(join(gateway.keyDir, 'key-2'))).mode & 0o777).toBe(0o700)
    expect((await readdir(gateway.keyDir)).sort()).toEqual([
      'identity_key.pem',
      'key-2',
      'private_key.pem',
    ])
  })

  it('by schedule replaces the key, also one that is in memory only', async () => {
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--key-rotation', '2s', '--key-overlap', '1s'],
      ignoresKeyDir: true,
    })
    const first = await handedOut(gateway)
    await until(async () => (await handedOut(gateway)) !== first)
    expect(await readdir(gateway.keyDir)).toEqual(['private_key.pem'])
  })

  it('fails no request of two gateways with one folder, for keys of either', async () => {
    // The lead of production: on a busy machine, the other gateway may take seconds to read the new key.
    const args = ['--engine', 'demo', '--key-lead', '6s']
    const one = await testGateway({ args })
    const two = await testGateway({ args, keyDir: one.keyDir })
    const answered = await rotateUnderLoad([one, two], () => one.rotateKey())
    expect(answered).toEqual({ failed: [], afterwards: expect.any(Number) as number })
  })
})
