import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { get, testGateway, testSocket } from './support.js'

const open = async (port: number): Promise<Socket> => (await testSocket(port)).resume()

describe('connections of one address', () => {
  const closed = async (socket: Socket): Promise<boolean> => {
    if (!socket.closed) await once(socket, 'close')
    return socket.closed
  }

  it('are half of all at most, and others are served', async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--max-connections=4'] })
    const [first] = [await open(gateway.port), await open(gateway.port)]
    expect(await closed(await open(gateway.port))).toBe(true)
    expect((await get(gateway, '/health', { from: '127.0.0.2' })).status).toBe(200)
    // A place that is given back is taken again.
    first.destroy()
    await expect
      .poll(() => get(gateway, '/health').catch(() => undefined))
      .toMatchObject({ status: 200 })
  })

  it('are limited by --max-connections-per-address', async () => {
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--max-connections-per-address=1'],
    })
    await open(gateway.port)
    expect(await closed(await open(gateway.port))).toBe(true)
  })

  it('are not counted behind trusted proxies', async () => {
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--max-connections=4', '--trust-proxy=127.0.0.1'],
    })
    for (let count = 0; count < 3; count++) await open(gateway.port)
    expect((await get(gateway, '/health')).status).toBe(200)
  })
})
