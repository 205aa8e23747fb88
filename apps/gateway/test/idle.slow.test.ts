import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  chat,
  complete,
  expectAlive,
  expectEcho,
  testGatewayProcess,
  testSocket,
} from './support.js'
import { residentMiB } from './measure.js'

const CONNECTIONS = 10_000
const HALF_A_HEADER = 'GET /health HTTP/1.1\r\nhost: x\r\nx-a: '

/** Reads the limit of open files; Node raises its own limit that far, the gateway's too. */
const mostFiles = (): number => {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  return Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? Infinity)
}

describe.skipIf(mostFiles() < CONNECTIONS + 1000)(`${CONNECTIONS} idle connections`, () => {
  it('leave room for those that ask, and end by themselves', { timeout: 180_000 }, async () => {
    const gateway = await testGatewayProcess({
      args: ['--engine', 'demo', '--max-connections=12000', '--request-timeout=15s'],
    })
    await complete(gateway, chat('warm'))
    const before = residentMiB(gateway.pid)
    const openedAt = performance.now()
    const sockets: Socket[] = []
    while (sockets.length < CONNECTIONS) {
      const from = `127.0.2.${1 + ((sockets.length / 200) % 5)}`
      const batch = Array.from({ length: 200 }, async (_, at) =>
        (await testSocket(gateway.port, { from, text: at % 2 ? HALF_A_HEADER : '' })).resume(),
      )
      sockets.push(...(await Promise.all(batch)))
    }
    const askedAt = performance.now()
    for (let count = 0; count < 50; count += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, at) => expectEcho(gateway, `${count + at}`)))
    }
    await expectAlive(gateway)
    const servedAt = performance.now()
    const openThen = sockets.filter(({ closed }) => !closed).length
    const after = residentMiB(gateway.pid)
    await expect
      .poll(() => sockets.filter(({ closed }) => !closed).length, {
        timeout: 90_000,
        interval: 200,
      })
      .toBe(0)
    console.log(
      `idle: ${CONNECTIONS} connections in ${seconds(openedAt, askedAt)}, ` +
        `50 requests beside ${openThen} of them in ${seconds(askedAt, servedAt)}, ` +
        `all ended ${seconds(openedAt, performance.now())} after the first, ` +
        `RSS ${before.toFixed(0)} -> ${after.toFixed(0)} MiB`,
    )
    await expectAlive(gateway)
    expect(gateway.output()).not.toMatch(/"level":50/)
  })
})

const seconds = (from: number, to: number): string => `${((to - from) / 1000).toFixed(1)} s`
