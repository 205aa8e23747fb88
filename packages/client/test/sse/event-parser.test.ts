import { seededRandom } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { EventParser, type ServerSentEvent } from '../../src/sse/event-parser.js'

const parse = (...parts: (string | Uint8Array)[]): ServerSentEvent[] => {
  const parser = new EventParser()
  return parts.flatMap((part) => parser.push(Buffer.from(part as string)))
}
const data = (...texts: string[]): ServerSentEvent[] =>
  texts.map((text) => ({ event: undefined, data: text }))

describe('server-sent events', () => {
  it.each<[string, string[], ServerSentEvent[]]>([
    ['one', ['data: a\n\n'], data('a')],
    ['without a space', ['data:a\n\n'], data('a')],
    ['with two spaces', ['data:  a\n\n'], data(' a')],
    ['of several lines', ['data: a\ndata:\ndata: b\n\n'], data('a\n\nb')],
    [
      'with a name',
      ['event: x\ndata: a\n\ndata: b\n\n'],
      [{ event: 'x', data: 'a' }, ...data('b')],
    ],
    ['with fields that are ignored', ['id: 1\nretry: 2\nother\ndata: a\n\n'], data('a')],
    ['after comments', [': filler\n\n:\n\ndata: a\n\n'], data('a')],
    ['ended by returns', ['data: a\r\rdata: b\r\n\r\n'], data('a', 'b')],
    ['whose line breaks are split', ['data: a\r', '\n\r', '\ndata: b\r', '\r'], data('a', 'b')],
    ['without data', ['event: x\n\n'], []],
    ['without an end', ['data: a\n'], []],
    ['empty', ['data\n\n'], data('')],
  ])('%s', (_what, parts, events) => {
    expect(parse(...parts)).toEqual(events)
  })

  it('are the same however their bytes are split', () => {
    const text = 'event: é\r\ndata: 世界 👩‍👩‍👧\r\n\r\n: c\n\ndata: x\rdata: y\r\rdata: [DONE]\n\n'
    const bytes = Buffer.from(text)
    const whole = parse(bytes)
    expect(whole).toHaveLength(3)
    const random = seededRandom(7)
    for (let count = 0; count < 300; count++) {
      const parts: Uint8Array[] = []
      for (let at = 0; at < bytes.length;) {
        const end = at + 1 + random.below(6)
        parts.push(bytes.subarray(at, end), new Uint8Array())
        at = end
      }
      expect(parse(...parts)).toEqual(whole)
    }
  })

  it('are refused as too long, in one line or in many', () => {
    const part = 'x'.repeat(1024 * 1024)
    for (const line of [part, `data: ${part}\n`, 'data:\n'.repeat(part.length)]) {
      const parser = new EventParser()
      const bytes = Buffer.from(line)
      const push = (): void => {
        for (let count = 0; count < 20; count++) parser.push(bytes)
      }
      expect(push).toThrow(expect.objectContaining({ code: 'ERR_ENVELOPE_TOO_LARGE' }))
    }
  })
})
