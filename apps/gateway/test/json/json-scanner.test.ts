import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventLoopTurns } from '../../src/json/event-loop-turns.js'
import type { JsonProblem } from '../../src/json/json-error.js'
import { readJsonObject, type JsonObject } from '../../src/json/json-object.js'
import { JsonScanner, type JsonLimits, type JsonListener } from '../../src/json/json-scanner.js'

const LIMITS: JsonLimits = { maxDepth: 64, maxValues: 10_000 }
const silent: JsonListener = { depth: -1, begin: () => undefined, end: () => undefined }

/** Reads in pieces of this size; the verdict must not depend on it. */
function verdict(bytes: Uint8Array, limits = LIMITS, piece = 1 << 20): JsonProblem | 'json' {
  const scanner = new JsonScanner(bytes, limits, silent)
  try {
    while (!scanner.advance(piece));
    return 'json'
  } catch (error) {
    return (error as { code: JsonProblem }).code
  }
}

/** The verdict of the engine on the same bytes. */
function expected(bytes: Uint8Array): 'json' | 'malformed' {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return 'json'
  } catch {
    return 'malformed'
  }
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const read = (text: string): Promise<JsonObject> =>
  readJsonObject(utf8(text), { limits: LIMITS, turns: new EventLoopTurns() })
const problemOf = async (text: string): Promise<unknown> =>
  read(text).then(
    () => 'json',
    (error: unknown) => (error as { code: unknown }).code,
  )

/** Texts that are JSON, and nearly. */
const TEXTS = [
  ...[
    '',
    ' ',
    '{}',
    '[]',
    '[[]]',
    '{"a":{}}',
    ' \t\r\n{ } ',
    '\ufeff{}',
    '{}\0',
    '{}x',
    '{}{}',
    '{},',
  ],
  ...[
    '[',
    ']',
    '{',
    '}',
    '[}',
    '{]',
    '[,]',
    '[1,]',
    '[,1]',
    '[1 2]',
    '[1,,2]',
    '{,}',
    '{"a"}',
    '{"a":}',
  ],
  ...[
    '{"a":1,}',
    '{a:1}',
    "{'a':1}",
    '{"a" 1}',
    '{"a"::1}',
    '{1:1}',
    '{"a":1 "b":2}',
    '{"a":1,"a":2}',
  ],
  ...[
    '1',
    '0',
    '-0',
    '-1',
    '+1',
    '01',
    '-01',
    '00',
    '1.',
    '.1',
    '1.5',
    '-1.5e10',
    '1e',
    '1e+',
    '1E-7',
    '--1',
  ],
  ...[
    '1e5',
    '1E5',
    '1.e5',
    '1e1.5',
    '0x10',
    'NaN',
    'Infinity',
    '-Infinity',
    '-',
    '1_000',
    '1e400',
    '0e0',
  ],
  ...[
    'true',
    'false',
    'null',
    'True',
    'tru',
    'truee',
    'nul',
    'nulll',
    'undefined',
    'falsee',
    'true false',
  ],
  ...[
    '"a"',
    '"',
    '"a',
    '"a\\"',
    '"\\',
    '"\\x"',
    '"\\u"',
    '"\\u12"',
    '"\\u12G4"',
    '"\\u1234"',
    '"\\U1234"',
  ],
  ...[
    '"\\ud800"',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    '"\n"',
    '"\t"',
    '"\u0000"',
    '"\u001f"',
    '"\u007f"',
    '"\u2028"',
  ],
  ...[
    '"é"',
    '"😀"',
    '[1]//x',
    '/*x*/[]',
    '[1] ',
    '\u00a0[]',
    '\u000b[]',
    '\u000c[]',
    '"\\\\"',
    '"\\\\\\"',
  ],
]

/** Bytes that are no UTF-8, or only just. */
const SEQUENCES = [
  ...[
    [0x80],
    [0xbf],
    [0xc0, 0x80],
    [0xc1, 0xbf],
    [0xc2],
    [0xc2, 0x80],
    [0xdf, 0xbf],
    [0xe0, 0x80, 0x80],
  ],
  ...[
    [0xe0, 0xa0, 0x80],
    [0xed, 0x9f, 0xbf],
    [0xed, 0xa0, 0x80],
    [0xef, 0xbf, 0xbf],
    [0xe2, 0x82],
  ],
  ...[
    [0xf0, 0x80, 0x80, 0x80],
    [0xf0, 0x90, 0x80, 0x80],
    [0xf4, 0x8f, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80],
  ],
  ...[[0xf5, 0x80, 0x80, 0x80], [0xf0, 0x9f, 0x98], [0xff], [0xfe], [0x80, 0x80, 0x80, 0x80, 0x80]],
]

describe('a JSON scanner', () => {
  it.each(TEXTS)('agrees with JSON.parse: %j', (text) => {
    const bytes = utf8(text)
    for (const piece of [1, 2, 3, 7, 1 << 20]) {
      expect(verdict(bytes, LIMITS, piece)).toBe(expected(bytes))
    }
  })

  it.each(SEQUENCES.map((bytes) => [bytes]))('agrees on UTF-8: %j', (sequence) => {
    for (const around of ['"', 'é', '😀', '']) {
      const inner = [...utf8(around === '"' ? '' : around)]
      const bytes = Uint8Array.from([0x22, ...inner, ...sequence, ...inner, 0x22])
      for (const piece of [1, 2, 3, 5, 1 << 20]) {
        expect(verdict(bytes, LIMITS, piece)).toBe(expected(bytes))
      }
    }
  })

  it.each([0, 1, 2, 3])(
    'finds every byte of a text wherever it is, as in bytes from %d on',
    (start) => {
      const text = utf8(`"${'a'.repeat(24)}"`)
      // Behind the JSON there are quotes that do not belong to it.
      const json = new Uint8Array(start + text.length + 8).fill(0x22).subarray(start, -8)
      let refused = 0
      for (let at = 1; at < json.length; at++) {
        for (let byte = 0; byte < 0x80; byte++) {
          json.set(text)
          json[at] = byte
          const right = expected(json)
          if (right === 'malformed') refused++
          for (const piece of [5, 1 << 20]) {
            if (verdict(json, LIMITS, piece) !== right) expect({ at, byte, piece }).toBe(right)
          }
        }
      }
      // Control characters and quotes, backslashes before an `a`, and all but a quote at the end.
      expect(refused).toBe(24 * 34 + 127)
    },
  )

  it('accepts whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 8 }),
        fc.integer({ min: 1, max: 40 }),
        (value, piece) => {
          for (const indent of [0, 1]) {
            expect(verdict(utf8(JSON.stringify(value, null, indent)), LIMITS, piece)).toBe('json')
          }
        },
      ),
    )
  })

  it('agrees with JSON.parse on JSON with changed bytes', () => {
    const change = fc.record({
      at: fc.nat(),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...utf8('{}[]:,"\\u0e-. tn'))),
      kind: fc.constantFrom('replace', 'insert', 'remove'),
    })
    const changes = fc.array(change, { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 5 }),
        changes,
        fc.integer({ min: 1, max: 40 }),
        (value, all, piece) => {
          const bytes = [...utf8(JSON.stringify(value))]
          for (const { at, byte, kind } of all) {
            const where = at % (bytes.length + 1)
            if (kind === 'insert') bytes.splice(where, 0, byte)
            else bytes.splice(where, 1, ...(kind === 'replace' ? [byte] : []))
          }
          const changed = Uint8Array.from(bytes)
          expect(verdict(changed, LIMITS, piece)).toBe(expected(changed))
        },
      ),
      { numRuns: 3000 },
    )
  })

  it.each<[string, string, Partial<JsonLimits>, string]>([
    ['64 levels', '['.repeat(64) + ']'.repeat(64), {}, 'json'],
    ['65 levels', '['.repeat(65) + ']'.repeat(65), {}, 'too-deep'],
    ['levels without end', '[{"a":'.repeat(100_000), {}, 'too-deep'],
    ['brackets in texts', `["${'['.repeat(1000)}"]`, {}, 'json'],
    ['as many values as allowed', `[${'{},'.repeat(8)}1]`, { maxValues: 10 }, 'json'],
    ['one value more', `[${'{},'.repeat(9)}1]`, { maxValues: 10 }, 'too-many-values'],
    ['names, which are no values', `{${'"a":1,'.repeat(8)}"b":1}`, { maxValues: 10 }, 'json'],
    ['a number of 4000 digits', '1'.repeat(4000), {}, 'json'],
    ['a number without end', '1'.repeat(100_000), {}, 'member-too-large'],
    ['a fraction without end', `1.${'1'.repeat(100_000)}`, {}, 'member-too-large'],
  ])('limits what it reads: %s', (_what, text, limits, result) => {
    expect(verdict(utf8(text), { ...LIMITS, ...limits })).toBe(result)
  })

  it('never reads far beyond the piece that it is asked for', () => {
    for (const text of [
      `"${'x'.repeat(5000)}"`,
      `"${'\\u0041'.repeat(900)}"`,
      ' '.repeat(5000),
      `[${'1,'.repeat(2500)}1]`,
    ]) {
      const scanner = new JsonScanner(utf8(text), LIMITS, silent)
      let pieces = 1
      try {
        while (!scanner.advance(100)) pieces++
      } catch {
        // White space alone is no JSON, which shows at its end.
      }
      expect(pieces).toBeGreaterThan(text.length / 107)
    }
  })
})

describe('a JSON object', () => {
  const members = fc.dictionary(fc.string({ unit: 'binary', maxLength: 20 }), fc.jsonValue(), {
    maxKeys: 12,
  })

  it('finds the members that JSON.parse finds', async () => {
    await fc.assert(
      fc.asyncProperty(members, fc.constantFrom(undefined, 1, '\t'), async (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        const parsed = JSON.parse(text) as Record<string, unknown>
        const object = await read(text)
        expect([...object.names].sort()).toEqual(Object.keys(parsed).sort())
        for (const [name, member] of Object.entries(parsed)) {
          expect(object.member(name)).toEqual(member)
        }
        expect(object.parse()).toEqual(parsed)
      }),
    )
  })

  it('is rewritten as the value is', async () => {
    const textOf = (bytes: Iterable<Uint8Array>): string => Buffer.concat([...bytes]).toString()
    await fc.assert(
      fc.asyncProperty(members, members, fc.array(fc.nat()), async (value, changes, removed) => {
        const object = await read(JSON.stringify(value, null, 1))
        const names = Object.keys(value)
        const removals = removed
          .map((at) => names[at % names.length])
          .filter((name) => name !== undefined)
        const all = Object.fromEntries([
          ...Object.entries(changes),
          ...removals.map((name) => [name, undefined]),
        ]) as Record<string, unknown>
        const rewritten = object.rewrite(all)
        const text = textOf(rewritten)
        expect(textOf(rewritten)).toBe(text)
        expect(Buffer.byteLength(text)).toBe(rewritten.byteLength)
        const result = new Map(
          Object.entries({ ...value, ...all }).filter(([, member]) => member !== undefined),
        )
        expect(new Map(Object.entries(JSON.parse(text) as object))).toEqual(
          new Map(Object.entries(JSON.parse(JSON.stringify(Object.fromEntries(result))) as object)),
        )
        expect(await problemOf(text)).toBe('json')
      }),
    )
  })

  it('keeps the bytes of the members that stay', async () => {
    const object = await read('{ "a" : 1.50 , "stream":true,"b":[ 1e2,"\\u0041" ] }')
    const [bytes] = object.rewrite({ stream: false })
    expect(String(bytes)).toBe('{"a" : 1.50,"b":[ 1e2,"\\u0041" ],"stream":false}')
  })

  it('is handed on in parts, whose bytes are those of the whole', async () => {
    const value = { first: 'x'.repeat(300_000), drop: 1, second: 'é'.repeat(300_000) }
    const parts = [...(await read(JSON.stringify(value))).rewrite({ drop: undefined })]
    expect(Math.max(...parts.map(({ length }) => length))).toBeLessThanOrEqual(256 * 1024)
    const { drop: _drop, ...rest } = value
    expect(Buffer.concat(parts).toString()).toBe(JSON.stringify(rest))
  })

  it.each([
    ['[]', 'not-an-object'],
    ['"{}"', 'not-an-object'],
    ['{"a":1,"a":2}', 'repeated-member'],
    ['{"model":1,"\\u006dodel":2}', 'repeated-member'],
    ['{"__proto__":1,"__proto__":2}', 'repeated-member'],
    ['{"a":{"b":1,"b":2}}', 'json'],
    [`{"${'x'.repeat(2000)}":1}`, 'member-too-large'],
    [`{${Array.from({ length: 1001 }, (_, at) => `"${at}":1`).join()}}`, 'too-many-members'],
    [`{${Array.from({ length: 1000 }, (_, at) => `"${at}":1`).join()}}`, 'json'],
  ])('%.40s gives %s', async (text, problem) => {
    expect(await problemOf(text)).toBe(problem)
  })

  it('parses no large member', async () => {
    const object = await read(JSON.stringify({ large: 'x'.repeat(70_000), small: [1] }))
    expect(object.isSmall('large')).toBe(false)
    expect(() => object.member('large')).toThrow(
      expect.objectContaining({ code: 'member-too-large' }),
    )
    expect(object.member('small')).toEqual([1])
    expect(object.member('none')).toBeUndefined()
  })

  it('of a large text leaves turns to other work', async () => {
    let turns = 0
    const other = setInterval(() => turns++, 0)
    await readJsonObject(utf8(JSON.stringify({ a: 'x'.repeat(4_000_000) })), {
      limits: LIMITS,
      turns: new EventLoopTurns(),
    })
    clearInterval(other)
    expect(turns).toBeGreaterThan(0)
  })
})

it('turns of the event loop are taken one at a time, in order', async () => {
  const turns = new EventLoopTurns()
  const log: string[] = []
  const work = async (name: string): Promise<void> => {
    for (let piece = 0; piece < 3; piece++) {
      await turns.next()
      log.push(name)
    }
  }
  let iterations = 0
  const count = (): void => {
    iterations++
    if (log.length < 6) setImmediate(count)
  }
  setImmediate(count)
  await Promise.all([work('a'), work('b')])
  expect(log.join('')).toBe('ababab')
  expect(iterations).toBeGreaterThanOrEqual(5)
})
