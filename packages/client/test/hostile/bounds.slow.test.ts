import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { faults, type HttpFault } from '@nomyo/testkit'
import { describe, expect, it } from 'vitest'
import { APIConnectionError, ServerError } from '../../src/index.js'
import { connect, type Cost, costOf, failureOf, hello } from './support.js'

/** Several times the need of an answer of 16 MiB; an unbounded one needs more. */
const MOST_MIB = 256
const MOST_MS = 20_000
const TOO_LARGE = 'ERR_RESPONSE_TOO_LARGE'

async function refusing(
  fault: HttpFault,
  timeout = 30_000,
): Promise<{ error: unknown; cost: Cost }> {
  const { gateway, client } = await connect({ timeout })
  await client.create(hello)
  gateway.next(fault)
  let error: unknown
  const cost = await costOf(async () => {
    error = await failureOf(client.create(hello))
  })
  return { error, cost }
}

function expectBounded({ rssGrowthMiB, durationMs }: Cost): void {
  expect(rssGrowthMiB).toBeLessThan(MOST_MIB)
  expect(durationMs).toBeLessThan(MOST_MS)
}

/** Bytes on the connection itself: a beginning, then the same again for as long as it is read. */
const flood = (start: string, more: string): HttpFault => ({
  name: 'flood',
  appliesTo: 'any',
  answer: async ({ response: { socket } }) => {
    if (socket === null) return
    socket.write(start)
    await pipeline(Readable.from(repeating(more)), socket).catch(() => undefined)
  },
})

function* repeating(text: string): Generator<string> {
  const block = text.repeat(10_000)
  for (;;) yield block
}

describe('an answer that is too much', () => {
  it.each([
    ['never ends', faults.endless(), TOO_LARGE],
    ['never ends, in chunks of 100 bytes', faults.endless({ chunkBytes: 100 }), TOO_LARGE],
    ['never ends, in chunks of four bytes', faults.endless({ chunkBytes: 4 }), TOO_LARGE],
    ['announces 16 GiB', faults.oversized({ bytes: 16 * 2 ** 30 }), TOO_LARGE],
    ['has one byte too many', faults.oversized({ bytes: 16 * 2 ** 20 + 1 }), TOO_LARGE],
    // Never unpacked: nothing compressed was asked for.
    ['decompresses to 4 GiB', faults.compressedBomb({ bytes: 4 * 2 ** 30 }), 'ERR_NETWORK'],
  ])('is dropped early, in little memory: %s', async (_what, fault, code) => {
    const { error, cost } = await refusing(fault)
    expect(error).toBeInstanceOf(APIConnectionError)
    expect(error).toMatchObject({ code })
    expectBounded(cost)
  })

  it.each([
    ['never ends', faults.endless({ status: 500 })],
    ['never ends, in chunks of four bytes', faults.endless({ status: 500, chunkBytes: 4 })],
    ['announces 16 GiB', faults.oversized({ status: 500, bytes: 16 * 2 ** 30 })],
    ['decompresses to 4 GiB', faults.compressedBomb({ status: 500, bytes: 4 * 2 ** 30 })],
  ])('is still the error of its status: %s', async (_what, fault) => {
    const { error, cost } = await refusing(fault)
    expect(error).toBeInstanceOf(ServerError)
    expect(error).toMatchObject({ code: 'ERR_SERVER', statusCode: 500 })
    expectBounded(cost)
  })
})

describe('the head of an answer', () => {
  it.each([
    ['has headers without end', 'HTTP/1.1 200 OK\r\n', 'x-more: of this\r\n', 'ERR_NETWORK'],
    ['is one line without end', 'HTTP/1.1 200 ', 'OK', 'ERR_TIMEOUT'],
    ['is only ever announced', '', 'HTTP/1.1 103 Early Hints\r\n\r\n', 'ERR_TIMEOUT'],
    ['is not HTTP', 'SSH-2.0-OpenSSH_9.7\r\n', ' ', 'ERR_NETWORK'],
  ])('ends the call when it %s', async (_what, start, more, code) => {
    const { error, cost } = await refusing(flood(start, more), 2000)
    expect(error).toBeInstanceOf(APIConnectionError)
    expect(error).toMatchObject({ code })
    expectBounded(cost)
  })
})
