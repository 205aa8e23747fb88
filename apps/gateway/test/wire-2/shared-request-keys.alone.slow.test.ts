import { isInstalled } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { PASSWORD, testRedis } from '../redis.js'
import { testGateway, testKeyDir, type TestGateway } from '../support.js'
import { keyConfigOf, openInner, postSealed, sealMessage } from './client.js'

/** The command line sets no shorter one than ten minutes. */
const PERIOD_MS = 5000
const DURATION_MS = 12_000

describe.skipIf(!isInstalled('redis-server'))('a rotation of shared request keys', () => {
  it('fails no request for the keys of one gateway at the other', async () => {
    const redis = await testRedis()
    const keyDir = testKeyDir({ 'private_key.pem': 'encrypted' })
    const start = (): Promise<TestGateway> =>
      testGateway({
        keyDir,
        // Longer than the derivation of keys from a password takes on a busy machine.
        args: [
          ...['--engine', 'demo', '--redis', redis.url],
          ...['--request-keys', 'redis', '--key-lead', '3s'],
        ],
        env: { NOMYO_KEY_PASSWORD: PASSWORD },
        config: { requestKeys: { place: 'redis', rotationMs: PERIOD_MS } },
      })
    const [one, two] = await Promise.all([start(), start()])
    const statuses = new Map<number, number>()
    const ids = new Set<number>()
    const endAt = Date.now() + DURATION_MS
    const ask = async (from: TestGateway, to: TestGateway): Promise<void> => {
      while (Date.now() < endAt) {
        const config = await keyConfigOf(from)
        ids.add(config.keyId)
        const { body, openAnswer } = await sealMessage(config)
        const answer = await postSealed(to, body)
        const status =
          answer.status === 200 ? (await openInner(answer, openAnswer())).status : answer.status
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
    await Promise.all([ask(one, two), ask(two, one)])
    expect([...statuses.keys()]).toEqual([200])
    expect(statuses.get(200)).toBeGreaterThan(20)
    expect(ids.size).toBeGreaterThanOrEqual(2)
  })
})
