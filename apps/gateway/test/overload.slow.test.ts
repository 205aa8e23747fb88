import { describe, expect, it } from 'vitest'
import {
  chat,
  complete,
  contentOf,
  expectAlive,
  post,
  refusalOf,
  seal,
  testGateway,
} from './support.js'
import { metric } from './measure.js'

const REQUESTS = 240

describe('more requests at once than can be decrypted', () => {
  it('are served up to the size of the queue, the others refused at once; /health stays quick', async () => {
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--max-opens=1', '--max-queue=4', '--metrics-port=0'],
    })
    const bodies = await Promise.all(
      Array.from({ length: REQUESTS }, (_, at) => seal(chat(`${at}`))),
    )
    const answers = Promise.all(bodies.map((body) => post(gateway, body)))
    let busy = true
    const waits: number[] = []
    const watch = async (): Promise<void> => {
      while (busy) {
        const askedAt = performance.now()
        await expectAlive(gateway)
        waits.push(performance.now() - askedAt)
      }
    }
    const watching = watch()
    const served = []
    for (const [at, answer] of (await answers).entries()) {
      if (answer.status === 200) {
        expect(await contentOf(answer)).toBe(`${at}`)
        served.push(at)
        continue
      }
      refusalOf(answer, 503)
      expect(answer.headers.get('retry-after')).toBe('1')
    }
    busy = false
    await watching
    // One that is opened, and the four that wait behind it, at the very least.
    expect(served.length).toBeGreaterThanOrEqual(5)
    expect(served.length).toBeLessThan(REQUESTS)
    expect(await metric(gateway, 'nomyo_shed_total{cause="queue"}')).toBe(REQUESTS - served.length)
    expect(await metric(gateway, 'nomyo_decryptions_total{result="decrypted"}')).toBe(served.length)
    // Opened one after the other without a limit, 240 requests would take seconds.
    const [middle = Infinity] = waits.sort((a, b) => a - b).slice(Math.floor(waits.length / 2))
    expect(middle).toBeLessThan(1000)
    // Nothing of it is an error, and nothing stays behind.
    expect(gateway.log()).not.toContain('"level":50')
    await complete(gateway, chat('afterwards'))
  })
})
