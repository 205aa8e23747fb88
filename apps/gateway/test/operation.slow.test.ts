import { describe, expect, it } from 'vitest'
import { chat, complete, get, testGateway } from './support.js'

describe('GET /ready', () => {
  it('succeeds while requests are accepted, and fails during the drain delay', async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--drain-delay', '2s'] })
    expect((await get(gateway, '/ready')).status).toBe(200)
    const closed = gateway.close()
    await expect.poll(async () => (await get(gateway, '/ready')).status).toBe(503)
    expect((await get(gateway, '/health')).status).toBe(200)
    await complete(gateway, chat('taken all the same'))
    await closed
  })
})
