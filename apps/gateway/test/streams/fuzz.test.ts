import { seededRandom, type Random } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { StreamMeter } from '../../src/completion/stream/stream-meter.js'
import { readEvents, type SseEvent } from '../../src/upstreams/server/sse/read-events.js'
import { UpstreamError } from '../../src/upstreams/server/upstream-error.js'
import { encodeEvent } from '../../src/wire-2/answer/stream/encode-event.js'

const INPUTS = Number(process.env['NOMYO_FUZZ_INPUTS'] ?? 2000)
const PIECES = [
  ...[
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    '\r\n\r\n',
    '\r\r',
    ':',
    ': ',
    ' ',
    '\ufeff',
    '\0',
    'é',
    '😀',
    '\u2028',
  ],
  ...[
    'data',
    'data:',
    'data: ',
    'event:',
    'event: x\n',
    'id: 1\n',
    'retry: 5\n',
    ': ping\n\n',
    '[DONE]',
  ],
  ...[
    'data: {"choices":[{"index":0,"delta":{"content":"é"}}]}\n\n',
    'data: [DONE]\n\n',
    'data: 1\n',
  ],
  ...[
    '{"error":null}',
    'data: {"error":{"message":"m"}}\n\n',
    'event: error\n',
    '{',
    '}',
    '"',
    'x'.repeat(70),
  ],
]

function textOf(random: Random): string {
  return Array.from({ length: random.below(24) }, () => random.of(PIECES)).join('')
}

/** Reads all of a stream at once, word by word as the HTML Standard has it (section 9.2.6). */
function eventsOf(text: string): SseEvent[] {
  const events: SseEvent[] = []
  let [event, data] = ['', '']
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/)
  // The last one has no end.
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      if (data !== '')
        events.push({ event: event === '' ? undefined : event, data: data.slice(0, -1) })
      event = data = ''
      continue
    }
    const [, field, value = ''] = /^([^:]*)(?::[ ]?([^]*))?$/.exec(line) ?? []
    if (field === 'event') event = value
    if (field === 'data') data += `${value}\n`
  }
  return events
}

async function read(
  bytes: Uint8Array,
  random: Random,
): Promise<{ events: SseEvent[]; error: unknown }> {
  async function* parts() {
    for (let at = 0; at < bytes.length;) {
      const length = 1 + random.below(random.of([1, 4, 40]))
      yield bytes.subarray(at, at + length)
      at += length
    }
  }
  const events: SseEvent[] = []
  try {
    for await (const event of readEvents(parts(), { withoutKey: (text) => text }))
      events.push(event)
    return { events, error: undefined }
  } catch (error) {
    return { events, error }
  }
}

describe(`${INPUTS} streams of a model server`, () => {
  it('are read as the standard has it, in parts of any size, and passed on as they are', async () => {
    const random = seededRandom(7)
    let [failed, counted] = [0, 0]
    for (let input = 0; input < INPUTS; input++) {
      const text = textOf(random)
      const expected = eventsOf(text)
      const { events, error } = await read(Buffer.from(text), random)
      if (error === undefined) expect(events, JSON.stringify(text)).toEqual(expected)
      else {
        // Only an error that the server reports ends what is well formed.
        expect(error, JSON.stringify(text)).toBeInstanceOf(UpstreamError)
        expect(events, JSON.stringify(text)).toEqual(expected.slice(0, events.length))
        expect(expected[events.length]).toBeDefined()
        failed++
      }
      const again = Buffer.concat(events.map((event) => encodeEvent(event))).toString()
      expect(eventsOf(again), JSON.stringify(text)).toEqual(events)
      counted += events.length
    }
    expect([failed > INPUTS / 100, counted > INPUTS / 10]).toEqual([true, true])
  })

  it('never fail in another way where bytes were changed', async () => {
    const random = seededRandom(11)
    let failed = 0
    for (let input = 0; input < INPUTS; input++) {
      const bytes = Buffer.from(textOf(random))
      for (let change = random.below(4); change > 0 && bytes.length > 0; change--) {
        bytes[random.below(bytes.length)] = random.below(256)
      }
      const { events, error } = await read(bytes, random)
      const meter = new StreamMeter({ includesUsage: false, metadata: {} })
      const errors = [error]
      for (const event of events) {
        try {
          meter.read(event)
        } catch (thrown) {
          errors.push(thrown)
        }
      }
      for (const thrown of errors) {
        if (thrown === undefined) continue
        expect(thrown, bytes.toString('hex')).toBeInstanceOf(UpstreamError)
        failed++
      }
    }
    expect(failed).toBeGreaterThan(INPUTS / 10)
  })
})
