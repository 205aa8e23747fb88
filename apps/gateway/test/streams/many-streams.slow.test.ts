import type { ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { startGatewayProcess, startModelServer, stopAfterTest } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'
import { metric } from '../measure.js'
import { chat } from '../support.js'
import { keyConfigOf } from '../wire-2/client.js'
import { DONE, chunkOf, stream, textOf, type ReceivedStream } from './stream-client.js'

const STREAMS = Number(process.env['NOMYO_STREAMS'] ?? 500)
const SECONDS = Number(process.env['NOMYO_STREAM_SECONDS'] ?? 3)
/** Pause between two events of a stream. */
const EVENT_MS = Number(process.env['NOMYO_STREAM_EVENT_MS'] ?? 500)
/** No more at once than wait for decryption by default. */
const STARTED_AT_ONCE = 50
const MIB = 1024 * 1024
/** V8's own ups and downs; a kilobyte kept of each event exceeds it in a minute. */
const GROWTH_MIB = 64

/** Sends the same event to all streams, at intervals, and returns the texts. */
async function sendEvents(responses: readonly ServerResponse[]): Promise<string> {
  let text = ''
  for (let event = 1; event <= (1000 * SECONDS) / EVENT_MS; event++) {
    const word = `word ${event}, `
    text += word
    for (const response of responses) response.write(chunkOf({ content: word }))
    await setTimeout(EVENT_MS)
  }
  for (const response of responses) response.end(chunkOf({}, 'stop') + DONE)
  return text
}

it(
  `${STREAMS} streams at a time are whole, and take no more memory as they go on`,
  { timeout: 1000 * (60 + 5 * SECONDS) },
  async () => {
    const responses: ServerResponse[] = []
    const model = stopAfterTest(
      await startModelServer((response, { method }) => {
        if (method === 'GET') {
          response.end('{"data":[]}')
          return
        }
        responses.push(response)
        response.setHeader('content-type', 'text/event-stream')
        response.write(chunkOf({ role: 'assistant', content: '' }))
      }),
    )
    const gateway = stopAfterTest(
      await startGatewayProcess({
        args: [
          ...['--upstream', model.url, '--metrics-port=0', '--health-interval=3600'],
          // A single caller may have half of them.
          ...['--max-requests', String(2 * STREAMS + 1)],
        ],
      }),
    )
    const measured = { log: gateway.output }
    const hybrid = await keyConfigOf(gateway)
    const streams: ReceivedStream[] = []
    while (streams.length < STREAMS) {
      const count = Math.min(STARTED_AT_ONCE, STREAMS - streams.length)
      const options = { content: chat('Hello!', { stream: true }) }
      const started = Array.from({ length: count }, () =>
        stream({ url: gateway.url, hybrid }, options),
      )
      streams.push(...(await Promise.all(started)))
    }
    await Promise.all(streams.map((one) => one.events(1)))
    expect(responses).toHaveLength(STREAMS)

    const heapMiB: number[] = []
    const sampler = setInterval(() => {
      void metric(measured, 'nodejs_heap_size_used_bytes').then((bytes) =>
        heapMiB.push(bytes / MIB),
      )
    }, 200)
    const text = await sendEvents(responses)
    const ends = await Promise.all(streams.map(({ ended }) => ended))
    clearInterval(sampler)

    expect(ends.filter((isWhole) => !isWhole)).toEqual([])
    expect(new Set(streams.map(textOf))).toEqual(new Set([text]))
    const half = Math.floor(heapMiB.length / 2)
    // No sample is below the live heap, and the least is close to it.
    const [early, late] = [heapMiB.slice(0, half), heapMiB.slice(half)].map((samples) =>
      Math.min(...samples),
    ) as [number, number]
    process.stdout.write(
      `${STREAMS} streams, ${SECONDS} s: heap ${early.toFixed(0)} -> ${late.toFixed(0)} MiB\n`,
    )
    expect(late - early).toBeLessThan(GROWTH_MIB)
    await expect.poll(() => metric(measured, 'nomyo_bytes_in_flight')).toBe(0)
  },
)
