import { describe, expect, it } from 'vitest'
import { createLog, logFormatOf, type LogOptions } from '../src/index.js'

/** Creates a log that collects its lines. */
function collect(options: Partial<LogOptions> = {}) {
  const lines: string[] = []
  const stream = { write: (line: string) => lines.push(line) }
  const log = createLog({ name: 'tool', level: 'info', format: 'text', stream, ...options })
  return { log, lines }
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /

describe('a log of text', () => {
  it('has time, level, message and members', () => {
    const { log, lines } = collect()
    log.info({ port: 80, empty: '', none: null, list: [1], quoted: 'a"b' }, 'it starts')
    log.error('it ends')
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(TIME)
    expect(lines.map((line) => line.replace(TIME, ''))).toEqual([
      'info  it starts port=80 empty="" none=null list=[1] quoted="a\\"b"\n',
      'error it ends\n',
    ])
  })

  it.each([
    ['escape sequence', 'a\u001b[31mb', 'a\\u001b[31mb'],
    ['C1 control', 'a\u009bb', 'a\\u009bb'],
    ['reordering', 'a\u202eb', 'a\\u202eb'],
    ['line separator', 'a\u2028b', 'a\\u2028b'],
    ['carriage return', 'a\rb', 'a\\u000db'],
    [
      'line break',
      'a\n2026-01-01T00:00:00.000Z info  forged',
      'a\n    2026-01-01T00:00:00.000Z info  forged',
    ],
  ])('is safe for a terminal: %s in a message', (_what, text, expected) => {
    const { log, lines } = collect()
    log.warn(text)
    expect(lines.join('').replace(TIME, '')).toBe(`warn  ${expected}\n`)
  })

  it('is safe for a terminal in names and values of members, and has one line for them', () => {
    const { log, lines } = collect()
    log.info({ 'a\n\u001b': 'b\n\u001b\u202e', inner: { text: '\u009b\n' } }, 'm')
    expect(lines.join('')).toMatch(/^[\x20-\x7e]+\n$/)
  })

  it('shows frames of an error, one a line, and not its message', () => {
    const { log, lines } = collect()
    log.error({ err: Object.assign(new TypeError('canary'), { code: 'ERR_X' }) }, 'it failed')
    const [first, ...frames] = lines.join('').trimEnd().split('\n')
    expect(first).toMatch(/error it failed err=\{"type":"TypeError","code":"ERR_X"\}$/)
    expect(frames.length).toBeGreaterThan(0)
    for (const frame of frames) expect(frame).toMatch(/^ {4}at /)
    expect(lines.join('')).not.toContain('canary')
  })
})

describe('a log of JSON', () => {
  it('has one object per line, which parses to the same text', () => {
    const { log, lines } = collect({ format: 'json' })
    const text = 'a\n\u001b[31m\u009b\u202e\u2028"\\'
    log.warn({ text }, text)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^[\x20-\x7e]+\n$/)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 40, name: 'tool', text, msg: text })
  })
})

it.each([
  ['silent', 0],
  ['error', 1],
  ['warn', 2],
  ['info', 3],
  ['debug', 4],
] as const)('the level %s writes %i of four severities', (level, count) => {
  for (const format of ['text', 'json'] as const) {
    const { log, lines } = collect({ level, format })
    for (const severity of ['error', 'warn', 'info', 'debug'] as const) log[severity]('m')
    expect(lines).toHaveLength(count)
  }
})

it('the format is that of the option, or follows the terminal', () => {
  expect(logFormatOf('auto', { isTTY: true })).toBe('text')
  expect(logFormatOf('auto', { isTTY: false })).toBe('json')
  expect(logFormatOf('auto', {})).toBe('json')
  expect(logFormatOf('json', { isTTY: true })).toBe('json')
  expect(logFormatOf('text', {})).toBe('text')
})
