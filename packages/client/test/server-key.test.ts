import type { IncomingHttpHeaders } from 'node:http'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { connect, testKey } from './support.js'
import { expectCode } from '@nomyo-internal/testing'

const HOUR_MS = 3_600_000

afterEach(() => {
  vi.restoreAllMocks()
})

/** Lets the clock of cached keys run ahead; everything else keeps its time. */
function hoursLater(): void {
  const now = performance.now()
  vi.spyOn(performance, 'now').mockReturnValue(now + HOUR_MS)
}

describe('a cached server key', () => {
  it('is revalidated after an hour, by one request for all', async () => {
    const { server, ask } = await connect()
    await ask()
    hoursLater()
    server.serverKey = await testKey('other')
    await Promise.all(Array.from({ length: 10 }, () => ask()))
    expect(server.keyFetches).toHaveLength(2)
  })

  it('is kept when the server reports no change', async () => {
    const { server, ask } = await connect()
    const asked: IncomingHttpHeaders['if-none-match'][] = []
    server.answerKeyFetch = (response) => {
      asked.push(server.keyFetches.at(-1)?.headers['if-none-match'])
      if (asked.length > 1) response.writeHead(304).end()
      else response.writeHead(200, { etag: '"v1"' }).end(server.serverKey.publicKey.pem)
    }
    await ask()
    hoursLater()
    await ask()
    expect(asked).toEqual([undefined, '"v1"'])
  })

  it('is not taken from an unsolicited 304', async () => {
    const { server, ask } = await connect()
    server.answerKeyFetch = (response) => void response.writeHead(304).end()
    await expectCode(ask(), 'ERR_UNEXPECTED_STATUS')
  })
})
