import { wire2Vectors } from '@nomyo-internal/testing/vectors'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SecurityError } from '../../src/errors.js'
import { readVarint, varintLength, writeVarint } from '../../src/wire-2/varint.js'
import {
  createBhttpReader,
  createStreamedResponse,
  createWholeResponse,
  encodeRequest,
  encodeRequestParts,
  encodeResponse,
  type BhttpEvent,
  type BhttpLimits,
  type Field,
} from '../../src/wire-2/index.js'
import { concat, expectRefusal, fromHex, refusalCodeOf, textOf, toHex, utf8 } from '../support.js'

type Kind = 'request' | 'response'

/** The events of a message that arrives in parts, with its content joined. */
function read(
  kind: Kind,
  message: Uint8Array,
  cuts: readonly number[] = [],
  limits: BhttpLimits = {},
): { heads: BhttpEvent[]; content: Uint8Array } {
  const reader = createBhttpReader(kind, limits)
  const events: BhttpEvent[] = []
  let from = 0
  const ends = [...cuts.map((cut) => cut % (message.length + 1)), message.length]
  for (const end of ends.toSorted((a, b) => a - b)) {
    events.push(...reader.push(message.subarray(from, end)))
    from = end
  }
  events.push(...reader.end())
  const contents = events.flatMap((event) => (event.type === 'content' ? [event.bytes] : []))
  return {
    heads: events.filter(({ type }) => type !== 'content'),
    content: concat(...contents),
  }
}

const everyByte = (message: Uint8Array): number[] => Array.from(message.keys())

const prefixed = (text: string): Uint8Array => {
  const bytes = utf8(text)
  const length = new Uint8Array(varintLength(bytes.length))
  writeVarint(bytes.length, length, 0)
  return concat(length, bytes)
}

describe('the examples of RFC 9292', () => {
  const examples = wire2Vectors('rfc9292-examples') as Record<string, string>
  const example = (name: string): Uint8Array => fromHex(examples[name] ?? '')
  const get = {
    type: 'request',
    method: 'GET',
    scheme: 'https',
    authority: '',
    path: '/hello.txt',
    fields: [
      ['user-agent', 'curl/7.16.3 libcurl/7.16.3 OpenSSL/0.9.7l zlib/1.2.3'],
      ['host', 'www.example.com'],
      ['accept-language', 'en, mi'],
    ],
  }

  it.each([
    ['knownRequest', 2],
    ['indeterminateRequest', 12],
  ] as const)('%s, with up to %i bytes omitted', (name, omitted) => {
    const message = example(name)
    for (let cut = 0; cut <= omitted; cut++) {
      const part = message.subarray(0, message.length - cut)
      for (const cuts of [[], everyByte(part)]) {
        expect(read('request', part, cuts)).toEqual({ heads: [get], content: new Uint8Array() })
      }
    }
    // The two forms end differently: by a terminator of the fields, or by their length.
    const end = message.length - omitted - 1
    for (let length = end; length > 40; length--) {
      expect(() => read('request', message.subarray(0, length))).toThrow(SecurityError)
    }
  })

  it('indeterminateResponse, with interim responses', () => {
    const message = example('indeterminateResponse')
    for (const cuts of [[], everyByte(message)]) {
      const { heads, content } = read('response', message, cuts)
      expect(heads).toMatchObject([
        { type: 'interim', status: 102, fields: [['running', '"sleep 15"']] },
        {
          type: 'interim',
          status: 103,
          fields: [
            ['link', expect.any(String)],
            ['link', expect.any(String)],
          ],
        },
        { type: 'response', status: 200 },
      ])
      expect(textOf(content)).toBe('Hello World! My content includes a trailing CRLF.\r\n')
    }
  })

  it('knownResponse, with trailers', () => {
    const { heads, content } = read('response', example('knownResponse'))
    expect(heads).toEqual([
      { type: 'response', status: 200, fields: [] },
      { type: 'trailers', fields: [['trailer', 'text']] },
    ])
    expect(textOf(content)).toBe('This content contains CRLF.\r\n')
  })
})

const name = fc.stringMatching(/^x-[a-z0-9-]{1,20}$/)
const value = fc.stringMatching(/^([!-~\xa0-\xff]([\t -~\xa0-\xff]{0,40}[!-~])?)?$/)
const fields: fc.Arbitrary<Field[]> = fc.array(fc.tuple(name, value), { maxLength: 6 })
const content = fc.uint8Array({ maxLength: 2000 })
const cuts = fc.array(fc.nat(), { maxLength: 10 })

describe('reading inverts writing', () => {
  it('for any request', () => {
    const head = fc.record({
      method: fc.constantFrom('GET', 'POST'),
      scheme: fc.constantFrom('https', 'http'),
      authority: fc.constantFrom('', 'a.example:8443'),
      path: fc.stringMatching(/^\/[!-~]{0,80}$/),
      fields,
    })
    fc.assert(
      fc.property(head, content, cuts, (request, bytes, ends) => {
        const message = encodeRequest({ ...request, content: bytes })
        const result = read('request', message, ends)
        expect(result.heads).toEqual([{ type: 'request', ...request }])
        expect(toHex(result.content)).toBe(toHex(bytes))
      }),
    )
  })

  it('for any response, whole or streamed, with interim ones', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 599 }),
        fields,
        content,
        cuts,
        (status, some, bytes, ends) => {
          const whole = createWholeResponse()
          const streamed = createStreamedResponse()
          const interim = { status: 102, fields: some }
          const messages = [
            concat(
              whole.interim(interim),
              whole.interim(interim),
              whole.final({ status, fields: some, content: bytes }),
            ),
            concat(
              streamed.interim(interim),
              streamed.interim(interim),
              streamed.head({ status, fields: some }),
              streamed.content(bytes.subarray(0, 9)),
              streamed.content(bytes.subarray(9)),
              streamed.end(),
            ),
          ]
          for (const message of messages) {
            const result = read('response', message, ends)
            expect(result.heads).toEqual([
              { type: 'interim', ...interim },
              { type: 'interim', ...interim },
              { type: 'response', status, fields: some },
            ])
            expect(toHex(result.content)).toBe(toHex(bytes))
          }
        },
      ),
    )
  })

  it('for a field as long as a head may be, whole and in parts', () => {
    const value = Array.from({ length: 1_000_000 }, (_, at) => (at % 3 === 0 ? 'é' : 'x')).join('')
    const message = encodeResponse({ status: 200, fields: [['x-long', value]] })
    for (const cuts of [[], [5, 500_000]]) {
      const { heads } = read('response', message, cuts, { maxHeadBytes: 1024 * 1024 })
      expect(heads).toEqual([{ type: 'response', status: 200, fields: [['x-long', value]] }])
    }
  })

  it('for any number, in the shortest form', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (number) => {
        const bytes = new Uint8Array(varintLength(number))
        expect(writeVarint(number, bytes, 0)).toBe(bytes.length)
        expect(readVarint(bytes, 0)).toEqual({ value: number, end: bytes.length })
        expect(readVarint(bytes.subarray(0, -1), 0)).toBeUndefined()
      }),
    )
    // The examples of RFC 9000, appendix A.1.
    const examples = {
      c2197c5eff14e88c: Infinity,
      '9d7f3e7d': 494_878_333,
      '7bbd': 15_293,
      '25': 37,
      '4025': 37,
    }
    for (const [hex, number] of Object.entries(examples)) {
      expect(readVarint(fromHex(hex), 0)?.value).toBe(number)
    }
  })
})

describe('length hiding', () => {
  it.each([
    [0, 512],
    [400, 512],
    [510, 544],
    [1000, 1024],
    [100_000, 100_352],
  ])('content of %i bytes', (length, padded) => {
    const bytes = new Uint8Array(length).fill(1)
    const message = encodeResponse({ status: 200, fields: [], content: bytes })
    expect(message).toHaveLength(padded)
    const whole = createWholeResponse()
    const interim = whole.interim({ status: 102, fields: [] })
    const rest = whole.final({ status: 200, fields: [], content: bytes.subarray(0, length - 3) })
    if (length >= 3) expect(interim.length + rest.length).toBe(padded)
  })

  it('gives messages of similar lengths the same length', () => {
    const lengths = Array.from({ length: 400 }, (_, length) => {
      const message = encodeRequest({
        method: 'POST',
        scheme: 'https',
        authority: '',
        path: '/',
        fields: [],
        content: new Uint8Array(length),
      })
      return message.length
    })
    expect(new Set(lengths)).toEqual(new Set([512]))
  })
})

/** A known-length response: status, field section, content, trailers, padding. */
const response = (...parts: readonly (string | Uint8Array)[]): Uint8Array =>
  concat(...parts.map((part) => (typeof part === 'string' ? fromHex(part) : part)))

const fieldSection = (...lines: readonly (readonly [string, string])[]): Uint8Array => {
  const body = concat(...lines.flat().map(prefixed))
  return concat(fromHex(body.length.toString(16).padStart(2, '0')), body)
}

describe('messages in parts', () => {
  it('are those in one buffer, without a copy of the content', () => {
    const content = utf8('x'.repeat(700))
    const request = {
      method: 'POST',
      scheme: 'https',
      authority: '',
      path: '/',
      fields: [],
      content,
    }
    const parts = encodeRequestParts(request)
    expect(parts).toContain(content)
    expect(toHex(concat(...parts))).toBe(toHex(encodeRequest(request)))
    const answers = [createWholeResponse(), createWholeResponse()] as const
    for (const { interim } of answers) interim({ status: 102, fields: [] })
    const response = { status: 200, fields: [], content }
    const [inParts, whole] = [answers[0].finalParts(response), answers[1].final(response)]
    expect(inParts).toContain(content)
    expect(toHex(concat(...inParts))).toBe(toHex(whole))
  })
})

it.each([0, 1, 2, 3])(
  'refuses any byte of padding that is not zero, %i bytes into memory',
  async (offset) => {
    const head = response('0140c8', '000000')
    for (let padding = 1; padding <= 13; padding++) {
      const memory = new Uint8Array(offset + head.length + padding)
      const message = memory.subarray(offset)
      message.set(head)
      expect(read('response', message).content).toHaveLength(0)
      for (let at = head.length; at < message.length; at++) {
        message[at] = 0x80
        expect(await refusalCodeOf(() => read('response', message))).toBe('ERR_PLAINTEXT_INVALID')
        message[at] = 0
      }
    }
  },
)

describe('malformed messages', () => {
  const status = '0140c8'
  const malformed: readonly (readonly [string, Kind, Uint8Array])[] = [
    ['an unknown framing', 'response', fromHex('0440c8')],
    ['a framing of four bytes, unknown', 'response', fromHex('80000004')],
    ['a request instead of a response', 'response', fromHex('0003474554')],
    ['a response instead of a request', 'request', fromHex('0140c8')],
    ['a status of 99', 'response', fromHex('014063')],
    ['a status of 600', 'response', fromHex('014258')],
    ['a status of 0', 'response', fromHex('0100')],
    ['non-zero padding', 'response', response(status, '000000', '000001')],
    ['an upper-case name', 'response', response(status, fieldSection(['Date', 'x']))],
    ['an empty name', 'response', response(status, fieldSection(['', 'x']))],
    ['a pseudo name', 'response', response(status, fieldSection([':status', '200']))],
    ['a name with a space', 'response', response(status, fieldSection(['a b', 'x']))],
    ['a value with a line feed', 'response', response(status, fieldSection(['a', 'x\ny: z']))],
    ['a value with a carriage return', 'response', response(status, fieldSection(['a', 'x\r']))],
    ['a value with a zero', 'response', response(status, fieldSection(['a', 'x\0y']))],
    ['a value with DEL', 'response', response(status, fieldSection(['a', '\x7f']))],
    ['a value that begins with a space', 'response', response(status, fieldSection(['a', ' x']))],
    ['a value that ends with a tab', 'response', response(status, fieldSection(['a', 'x\t']))],
    ['a connection field', 'response', response(status, fieldSection(['connection', 'close']))],
    [
      'transfer-encoding',
      'response',
      response(status, fieldSection(['transfer-encoding', 'chunked'])),
    ],
    ['a field longer than its section', 'response', response(status, '03', '056162')],
    ['a name without a value', 'response', response(status, '02', '0161')],
    ['a section beyond the limit', 'response', response(status, '80010001')],
    ['a section of 2^62 bytes', 'response', response(status, 'ffffffffffffffff')],
    ['content of 2^62 bytes', 'response', response(status, '00', 'ffffffffffffffff')],
    [
      'a connection field as a trailer',
      'response',
      response(status, '0000', fieldSection(['te', 'x'])),
    ],
    [
      'a lower-case method',
      'request',
      concat(fromHex('00'), ...['get', 'https', '', '/'].map(prefixed), fromHex('00')),
    ],
    [
      'an empty method',
      'request',
      concat(fromHex('00'), ...['', 'https', '', '/'].map(prefixed), fromHex('00')),
    ],
    [
      'an empty scheme',
      'request',
      concat(fromHex('00'), ...['GET', '', '', '/'].map(prefixed), fromHex('00')),
    ],
    [
      'a path without a slash',
      'request',
      concat(fromHex('00'), ...['GET', 'https', '', 'x'].map(prefixed), fromHex('00')),
    ],
    [
      'a path with a line feed',
      'request',
      concat(fromHex('00'), ...['GET', 'https', '', '/\n'].map(prefixed), fromHex('00')),
    ],
    [
      'an authority with a space',
      'request',
      concat(fromHex('00'), ...['GET', 'https', 'a b', '/'].map(prefixed), fromHex('00')),
    ],
    ['a method beyond the limit', 'request', fromHex('0080010001')],
    [
      '17 interim responses',
      'response',
      concat(fromHex('01'), ...Array.from({ length: 17 }, () => fromHex('406600'))),
    ],
    [
      '513 fields',
      'response',
      response(status, '4804', ...Array.from({ length: 513 }, () => fromHex('01610178'))),
    ],
    [
      '513 fields of indeterminate length',
      'response',
      response('0340c8', ...Array.from({ length: 513 }, () => fromHex('01610178'))),
    ],
  ]

  it.each(malformed)('%s', async (_, kind, message) => {
    for (const ends of [[], everyByte(message)]) {
      await expectRefusal(() => read(kind, message, ends), 'ERR_PLAINTEXT_INVALID')
    }
  })

  it('that end too early', async () => {
    const truncated: readonly (readonly [Kind, string])[] = [
      ['response', ''],
      ['response', '01'],
      ['response', '0140'],
      ['response', '014066'],
      ['response', '01406600'],
      ['response', '0140c805016101'],
      ['response', '0140c80005aabb'],
      // Content of indeterminate length, and a field section, without their terminators.
      ['response', '0340c80002aabb'],
      ['response', '0340c801610178'],
      ['request', '0003474554'],
      ['request', '000347455405'],
    ]
    for (const [kind, hex] of truncated) {
      await expectRefusal(() => read(kind, fromHex(hex)), 'ERR_TRUNCATED')
    }
  })

  it('of any bytes give an error of this package or a message', async () => {
    const start = fc.constantFrom('', '00', '01', '02', '03', '0140c8', '0340c8', '01406600')
    await fc.assert(
      fc.asyncProperty(start, fc.uint8Array({ maxLength: 200 }), cuts, async (hex, bytes, ends) => {
        const message = concat(fromHex(hex), bytes)
        for (const kind of ['request', 'response'] as const) {
          const outcome = (some: readonly number[]): Promise<string> =>
            refusalCodeOf(() => read(kind, message, some)).catch(() =>
              JSON.stringify(read(kind, message, some)),
            )
          expect(await outcome(ends)).toBe(await outcome([]))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('give out what precedes the fault, then the same error for ever', async () => {
    const reader = createBhttpReader('response')
    const message = response(status, '00', '02', utf8('ok'), '00', '01')
    expect(reader.push(message).map(({ type }) => type)).toEqual(['response', 'content'])
    await expectRefusal(() => reader.push(fromHex('00')), 'ERR_PLAINTEXT_INVALID')
    await expectRefusal(() => reader.end(), 'ERR_PLAINTEXT_INVALID')
  })

  it('respect the limit of the caller', async () => {
    const message = response(status, fieldSection(['a', 'x'.repeat(30)]))
    expect(read('response', message, [], { maxHeadBytes: 33 }).heads).toHaveLength(1)
    await expectRefusal(
      () => read('response', message, [], { maxHeadBytes: 32 }),
      'ERR_PLAINTEXT_INVALID',
    )
    const lines = response('0340c8', ...Array.from({ length: 20 }, () => fromHex('01610178')))
    await expectRefusal(
      () => read('response', lines, [], { maxHeadBytes: 39 }),
      'ERR_PLAINTEXT_INVALID',
    )
    await expectRefusal(
      () => createBhttpReader('request', { maxHeadBytes: 0 }),
      'ERR_ARGUMENT_INVALID',
    )
  })
})

describe('numbers', () => {
  it('are read in every width', () => {
    // Status 200 in eight bytes, section of one byte in four, content length in eight.
    const message = fromHex(`01c0000000000000c880000000c0000000000000026f6b4000`)
    const { heads, content: bytes } = read('response', message, everyByte(message))
    expect(heads).toEqual([{ type: 'response', status: 200, fields: [] }])
    expect(textOf(bytes)).toBe('ok')
  })
})

describe('arguments', () => {
  it.each([
    [{ method: 'get' }],
    [{ path: 'x' }],
    [{ path: '/ü' }],
    [{ authority: 'a b' }],
    [{ scheme: 'HTTPS' }],
    [{ fields: [['A', 'x']] as const }],
    [{ fields: [['a', 'x\r\ny']] as const }],
    [{ fields: [['a', 'Ā']] as const }],
    [{ fields: [['transfer-encoding', 'chunked']] as const }],
    [{ fields: [[':path', '/']] as const }],
  ])('that no request can have are refused: %o', async (part) => {
    const request = {
      method: 'GET',
      scheme: 'https',
      authority: '',
      path: '/',
      fields: [],
      ...part,
    }
    await expectRefusal(() => encodeRequest(request), 'ERR_ARGUMENT_INVALID')
  })

  it('that no response can have are refused', async () => {
    for (const status of [99, 100, 199, 600, 200.5, NaN]) {
      await expectRefusal(() => encodeResponse({ status, fields: [] }), 'ERR_ARGUMENT_INVALID')
    }
    for (const status of [99, 200]) {
      await expectRefusal(
        () => createStreamedResponse().interim({ status, fields: [] }),
        'ERR_ARGUMENT_INVALID',
      )
    }
  })
})
