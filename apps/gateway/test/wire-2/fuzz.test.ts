import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { chat } from '../support.js'
import type { ReplayCache } from '../../src/completion/replay/refuse.js'
import { flipBit, joinBody, sealInChunks, type BodyParts } from './bodies.js'
import { hybridKem, messageOf } from './client.js'
import { handleDirectly, statusInside } from './direct.js'
import { classicKem, exchangeContext } from './in-process.js'
import { MUTATIONS, Random, arrive } from './mutations.js'

const INPUTS = Number(process.env['NOMYO_FUZZ_INPUTS'] ?? 1000)
const SEED = Number(process.env['NOMYO_FUZZ_SEED'] ?? 2026)
/** Requests in progress at the same time. */
const LANES = 8
/** Mutations of one sealed request: sealing takes longer than most of them. */
const PER_REQUEST = 32

/** Remembers nothing: every mutation of one request is handled on its own. */
const noMemory: ReplayCache = {
  claim: () => Promise.resolve(true),
  isKnown: () => false,
  close: () => Promise.resolve(),
}

/**
 * Measures the longest piece of work on the event loop: the lesser of its time and of the processor time
 * meanwhile, since other processes may occupy the processor.
 */
function watchEventLoop(): { stop(): number } {
  let longest = 0
  let lastAt = performance.now()
  let lastUsage = process.cpuUsage()
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(lastUsage)
    longest = Math.max(longest, Math.min(performance.now() - lastAt, (user + system) / 1000))
    lastAt = performance.now()
    lastUsage = process.cpuUsage()
  }, 2)
  return {
    stop: () => {
      clearInterval(timer)
      return Math.round(longest)
    },
  }
}

it(
  `no mutated request of ${INPUTS} is answered, and none is a fault`,
  { timeout: 60_000 + 10 * INPUTS },
  async () => {
    const { context, hybrid, classic } = await exchangeContext({ replayCache: noMemory })
    const kinds = Object.entries(MUTATIONS)
    const outcomes = new Map<string, number>()
    const faults: string[] = []
    const loop = watchEventLoop()
    const startedAt = performance.now()
    let next = 0

    /** Handles one mutation; returns the answer, if there is one, and the status inside. */
    const verdictOf = async (index: number, parts: BodyParts) => {
      const random = new Random(SEED * 1_000_003 + index)
      const [kind, mutate] = kinds[random.below(kinds.length)]!
      const body = mutate(parts, random)
      if (Buffer.compare(body, joinBody(parts)) === 0) return undefined
      const outcome = await handleDirectly(context, arrive(body, random))
      const name = 'outer' in outcome ? `outer ${outcome.outer}` : `inner ${outcome.inner}`
      outcomes.set(`${kind}: ${name}`, (outcomes.get(`${kind}: ${name}`) ?? 0) + 1)
      const isRight =
        'outer' in outcome ? outcome.isKeyProblem : outcome.inner === 400 || outcome.inner === 413
      if (!isRight) faults.push(`NOMYO_FUZZ_SEED=${SEED} index ${index}: ${kind}: ${name}`)
      return 'answer' in outcome ? outcome : undefined
    }

    const lane = async (): Promise<void> => {
      while (next < INPUTS && faults.length === 0) {
        const first = next
        next += PER_REQUEST
        const isHybrid = (first / PER_REQUEST) % 4 === 0
        const [kem, config] = isHybrid ? [hybridKem, hybrid] : [classicKem, classic]
        const content = chat('x'.repeat(first % 1500))
        const parts = await sealInChunks(kem, config, messageOf({ content }), [300, 40, 40])
        let isOpened = false
        for (let index = first; index < Math.min(first + PER_REQUEST, INPUTS); index++) {
          // Requests arrive in turns of the event loop, of which nothing here takes one.
          await setImmediate()
          const answered = await verdictOf(index, parts)
          // The client can open one answer only.
          if (answered === undefined || isOpened) continue
          isOpened = true
          expect(await statusInside(answered.answer, parts.openAnswer())).toBe(answered.inner)
        }
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    const longest = loop.stop()
    expect(faults).toEqual([])
    expect(new Set([...outcomes.keys()].map((name) => name.split(':')[0]))).toEqual(
      new Set(Object.keys(MUTATIONS)),
    )
    if (process.env['NOMYO_FUZZ_INPUTS'] !== undefined) {
      const seconds = Math.round((performance.now() - startedAt) / 1000)
      process.stdout.write(
        `${INPUTS} inputs, ${seconds} s, longest piece of work ${longest} ms\n` +
          [...outcomes]
            .sort()
            .map(([name, count]) => `${name} ${count}\n`)
            .join(''),
      )
    }
  },
)

it('an unchanged request is answered in any parts', async () => {
  const { context, classic } = await exchangeContext({ replayCache: noMemory })
  for (let seed = 0; seed < 20; seed++) {
    const parts = await sealInChunks(classicKem, classic, messageOf(), [300, 40, 40])
    const outcome = await handleDirectly(context, arrive(joinBody(parts), new Random(seed)))
    const answer = 'answer' in outcome ? outcome.answer : new Uint8Array()
    expect(await statusInside(answer, parts.openAnswer())).toBe(200)
  }
})

const TIMEOUT = { timeout: 60_000 + 2 * INPUTS }

it(
  'what an authentic sender mutates in its message is answered inside, and is no fault',
  TIMEOUT,
  async () => {
    const { context, classic } = await exchangeContext({ replayCache: noMemory })
    const statuses = new Map<number | undefined, number>()
    for (let index = 0; index < INPUTS / 8; index++) {
      const random = new Random(SEED * 7919 + index)
      const message = mutatedMessage(messageOf({ content: chat('x'.repeat(index % 300)) }), random)
      const first = 16_384 - random.below(16_384 - 500)
      const lengths = message.length > first ? [first] : []
      const parts = await sealInChunks(classicKem, classic, message, lengths)
      const outcome = await handleDirectly(context, arrive(joinBody(parts), random))
      const status = 'inner' in outcome ? outcome.inner : undefined
      expect([200, 400, 404, 413, 415], `NOMYO_FUZZ_SEED=${SEED} ${index}`).toContain(status)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    for (const status of [200, 400]) expect(statuses.get(status)).toBeGreaterThan(0)
  },
)

function mutatedMessage(message: Uint8Array, random: Random): Uint8Array {
  const at = random.below(message.length)
  switch (random.below(5)) {
    case 0:
      return flipBit(message, random.below(8 * message.length))
    case 1:
      return message.slice(0, 1 + at)
    case 2:
      return new Uint8Array(
        Buffer.concat([message.slice(0, at), random.bytes(1 + random.below(9)), message.slice(at)]),
      )
    case 3:
      return new Uint8Array(Buffer.concat([message.slice(0, at), message.slice(at + 1)]))
    default:
      return new Uint8Array(Buffer.concat([message, new Uint8Array(random.below(40_000))]))
  }
}
