import { describe, expect, it } from 'vitest'
import { startGatewayProcess, stopAfterTest } from '@nomyo-internal/testing'
import { HI, chat, get, post, seal, testModelServer } from './support.js'

const bodies = (count: number): Promise<Uint8Array[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => seal(chat(`${at}`))))

describe('SIGTERM under load', () => {
  it('lets every request be answered that has begun', async () => {
    const upstream = await testModelServer()
    upstream.answer = (response) => setTimeout(() => response.end(HI), 500)
    const gateway = stopAfterTest(await startGatewayProcess({ args: ['--upstream', upstream.url] }))
    const statuses = (await bodies(40)).map(async (body) => (await post(gateway, body)).status)
    await expect.poll(() => upstream.seen.length, { interval: 5 }).toBe(40)
    gateway.kill('SIGTERM')
    expect(await Promise.all(statuses)).toEqual(Array.from({ length: 40 }, () => 200))
    expect((await gateway.ended).code).toBe(0)
  })

  it('with a delay fails none of the callers that go by /ready', async () => {
    const gateway = stopAfterTest(
      await startGatewayProcess({ args: ['--engine', 'demo', '--drain-delay', '2s'] }),
    )
    let ready = true
    const statuses: number[] = []
    const call = async (): Promise<void> => {
      while (ready) {
        const [body] = await bodies(1)
        statuses.push((await post(gateway, body ?? '')).status)
      }
    }
    const calls = Promise.all([call(), call(), call(), call()])
    await expect.poll(() => statuses.length).toBeGreaterThan(8)
    gateway.kill('SIGTERM')
    await expect.poll(async () => (await get(gateway, '/ready')).status).toBe(503)
    const drainingSince = statuses.length
    await expect.poll(() => statuses.length).toBeGreaterThan(drainingSince + 8)
    const { headers } = await get(gateway, '/health')
    expect(headers.get('connection')).toBe('close')
    ready = false
    await calls
    expect(statuses.filter((status) => status !== 200)).toEqual([])
    expect((await gateway.ended).code).toBe(0)
  })
})
