import { expect, it } from 'vitest'
import type { ReplayCache } from '../../src/completion/replay/refuse.js'
import { flipBit, joinBody, sealInChunks } from './bodies.js'
import { hybridKem, messageOf } from './client.js'
import { handleDirectly, statusInside } from './direct.js'
import { classicKem, exchangeContext } from './in-process.js'

const MAX_CHUNKS = 65_536
const noMemory: ReplayCache = {
  claim: () => Promise.resolve(true),
  isKnown: () => false,
  close: () => Promise.resolve(),
}

it('every prefix of a request, and every bit of its key, secret, length and tag, decides', async () => {
  const { context, hybrid } = await exchangeContext({ replayCache: noMemory })
  const parts = await sealInChunks(hybridKem, hybrid, messageOf(), [])
  const body = joinBody(parts)
  const flipped = 8 * (parts.header.length + parts.enc.length + 1)
  const bodies = [
    ...Array.from(body, (_, length) => () => body.slice(0, length)),
    ...Array.from({ length: flipped }, (_, bit) => () => flipBit(body, bit)),
    ...Array.from({ length: 128 }, (_, bit) => () => flipBit(body, 8 * (body.length - 16) + bit)),
  ]
  const outcomes = new Set<string>()
  const lane = async (): Promise<void> => {
    for (let next = bodies.pop(); next !== undefined; next = bodies.pop()) {
      outcomes.add(JSON.stringify(await handleDirectly(context, [next()])))
    }
  }
  await Promise.all(Array.from({ length: 8 }, lane))
  expect([...outcomes]).toEqual([JSON.stringify({ outer: 400, isKeyProblem: true })])
})

it.each([
  [MAX_CHUNKS - 2, 400],
  [MAX_CHUNKS, 413],
])('of %s chunks of one byte after the first: %s inside', async (count, status) => {
  const { context, classic } = await exchangeContext({ maxBodyBytes: 4 * 1024 * 1024 })
  // Zeros behind the message: they are no pieces of content, which have a limit of their own.
  const message = Buffer.concat([messageOf(), Buffer.alloc(70_000)])
  const lengths = [512, ...Array.from({ length: count }, () => 1)]
  const parts = await sealInChunks(classicKem, classic, message, lengths)
  const outcome = await handleDirectly(context, [joinBody(parts).slice(0, -1)])
  const answer = 'answer' in outcome ? outcome.answer : new Uint8Array()
  expect(await statusInside(answer, parts.openAnswer())).toBe(status)
})
