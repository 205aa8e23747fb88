import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { chat, testGateway, testModelServer } from '../support.js'
import { DONE, chunkOf } from './stream-client.js'
import { observe, type SeenChunk } from './observer.js'

/** Tokens of an answer whose lengths an observer tries to learn. */
const TOKENS = 40
/** Streams at the same time, of which half teach the observer. More make the measure finer. */
const STREAMS = Number(process.env['NOMYO_SIDE_CHANNEL_STREAMS'] ?? 16)
/** Longer than the interval in which events are gathered: most tokens have a chunk of their own, the easiest case. */
const PACE_MS = 60

/** One token: its length class, and what the observer sees of it. */
interface Sample {
  readonly isLong: boolean
  readonly bytes: number
  readonly gapMs: number
}

/** Lengths of the two classes of tokens, in characters. */
interface Lengths {
  readonly short: number
  readonly long: number
}

/** Has a model write random tokens of two lengths, and observes the encrypted streams. */
async function samplesOf(lengths: Lengths, args: readonly string[]): Promise<Sample[][]> {
  const random = seededRandom(20)
  const secrets = new Map<string, boolean[]>()
  const upstream = await testModelServer((response, { method, body }) => {
    if (method === 'GET') {
      response.setHeader('content-type', 'application/json').end('{"data":[{"id":"m"}]}')
      return
    }
    const { messages } = JSON.parse(body) as { messages: { content: string }[] }
    const classes = Array.from({ length: TOKENS }, () => random.below(2) === 0)
    secrets.set(messages.at(-1)?.content ?? '', classes)
    void write(response.setHeader('content-type', 'text/event-stream'), classes, lengths)
  })
  const gateway = await testGateway({ args: ['--upstream', upstream.url, ...args] })
  const streams = await Promise.all(
    Array.from({ length: STREAMS }, async (_, at) => {
      // Streams begin at different times, as those of different callers do.
      await delay(at * 9)
      const content = { ...chat(`stream ${at}`), stream: true }
      return samples(await observe(gateway, { content }), secrets.get(`stream ${at}`) ?? [])
    }),
  )
  return streams
}

async function write(response: ServerResponse, classes: readonly boolean[], lengths: Lengths) {
  response.write(chunkOf({ role: 'assistant', content: '' }))
  const start = performance.now()
  for (const [at, isLong] of classes.entries()) {
    await delay(Math.max(0, start + (at + 1) * PACE_MS - performance.now()))
    response.write(chunkOf({ content: 'x'.repeat(isLong ? lengths.long : lengths.short) }))
  }
  response.end(chunkOf({}, 'stop') + DONE)
}

/** Assigns tokens to chunks; a gathered pair shifts those behind it, which the observer cannot know either. */
function samples(seen: readonly SeenChunk[], classes: readonly boolean[]): Sample[] {
  return classes.flatMap((isLong, at) => {
    const [before, chunk] = [seen[at], seen[at + 1]]
    if (before === undefined || chunk === undefined) return []
    return [{ isLong, bytes: chunk.bytes, gapMs: chunk.atMs - before.atMs }]
  })
}

/**
 * Returns how often an observer guesses the length of a token: it knows the lengths of half of the streams, learns
 * from them which feature goes with which, and guesses those of the others.
 */
function accuracy(streams: readonly Sample[][], feature: (sample: Sample) => number): number {
  const known = streams.filter((_, at) => at % 2 === 0).flat()
  const unknown = streams.filter((_, at) => at % 2 === 1).flat()
  const votes = new Map<number, number>()
  for (const sample of known) {
    const value = feature(sample)
    votes.set(value, (votes.get(value) ?? 0) + (sample.isLong ? 1 : -1))
  }
  const prior = known.filter(({ isLong }) => isLong).length * 2 > known.length
  const right = unknown.filter((sample) => {
    const vote = votes.get(feature(sample)) ?? 0
    return (vote === 0 ? prior : vote > 0) === sample.isLong
  })
  return right.length / unknown.length
}

const bySize = ({ bytes }: Sample): number => bytes
/** In steps of 2 milliseconds. */
const byTime = ({ gapMs }: Sample): number => Math.round(gapMs / 2)

/** Four standard deviations above a coin. */
const chance = (streams: readonly Sample[][]): number =>
  0.5 + 4 * Math.sqrt(0.25 / (streams.flat().length / 2))

const report = (what: string, streams: readonly Sample[][]): void => {
  const rates = [accuracy(streams, bySize), accuracy(streams, byTime)].map((one) => one.toFixed(3))
  const bound = chance(streams).toFixed(3)
  console.info(
    `${what}: ${rates[0] ?? ''} by size, ${rates[1] ?? ''} by time; chance is 0.5, at most ${bound}`,
  )
}

describe('an observer of encrypted streams guesses the length of tokens', () => {
  const lengths = { short: 1, long: 14 }

  it('no better than a coin from sizes and times, with the defaults', async () => {
    const streams = await samplesOf(lengths, [])
    report('defaults', streams)
    expect(streams.flat().length).toBeGreaterThan((STREAMS * TOKENS) / 2)
    expect(accuracy(streams, bySize)).toBeLessThan(chance(streams))
    expect(accuracy(streams, byTime)).toBeLessThan(chance(streams))
  }, 30_000)

  it('no better from sizes where every token has a chunk of its own', async () => {
    const streams = await samplesOf(lengths, ['--stream-interval=0'])
    report('filling alone', streams)
    expect(accuracy(streams, bySize)).toBeLessThan(chance(streams))
  }, 30_000)

  it('nearly always from sizes without filling and gathering', async () => {
    const streams = await samplesOf(lengths, ['--stream-padding=0', '--stream-interval=0'])
    report('without', streams)
    expect(accuracy(streams, bySize)).toBeGreaterThan(0.95)
    expect(accuracy(streams, byTime)).toBeLessThan(chance(streams))
  }, 30_000)

  it('nearly always where lengths differ by more than a bucket', async () => {
    const streams = await samplesOf({ short: 1, long: 600 }, ['--stream-interval=0'])
    report('more than a bucket', streams)
    expect(accuracy(streams, bySize)).toBeGreaterThan(0.9)
  }, 30_000)
})
