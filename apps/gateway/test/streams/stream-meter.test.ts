import { describe, expect, it } from 'vitest'
import { StreamMeter, type StreamMeterOptions } from '../../src/completion/stream/stream-meter.js'
import { encodeEvent, errorEvent } from '../../src/wire-2/answer/stream/encode-event.js'
import { HttpError } from '../../src/http-error.js'

const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }

function read(values: readonly unknown[], options?: StreamMeterOptions) {
  const meter = new StreamMeter(options)
  const passed: unknown[] = []
  for (const value of values) {
    const data = typeof value === 'string' ? value : JSON.stringify(value)
    const { event, isLast } = meter.read({ data })
    if (event !== undefined)
      passed.push(event.data === '[DONE]' ? event.data : JSON.parse(event.data))
    if (isLast) break
  }
  return { meter, passed }
}

const choice = (index: number, finish_reason: string | null = null) => ({
  choices: [{ index, delta: {}, finish_reason }],
})

describe('a stream', () => {
  it.each<[string, unknown[], boolean]>([
    ['[DONE]', ['[DONE]'], true],
    ['[DONE] between blanks', [' [DONE] '], true],
    ['nothing', [choice(0)], false],
    ['a finish reason', [choice(0), choice(0, 'stop')], true],
    ['one of two finish reasons', [choice(0), choice(1), choice(0, 'stop')], false],
    [
      'two of two finish reasons',
      [choice(0), choice(1), choice(0, 'stop'), choice(1, 'stop')],
      true,
    ],
    ['a finish reason that is no text', [{ choices: [{ index: 0, finish_reason: 1 }] }], false],
    ['the end of a response', [{ type: 'response.completed', response: {} }], true],
    ['the failure of a response', [{ type: 'response.failed', response: {} }], true],
    ['a part of a response', [{ type: 'response.output_text.done' }], false],
    ['a transcript', [{ type: 'transcript.text.done' }], true],
  ])('with %s is complete: %#', (_name, values, isComplete) => {
    expect(read(values).meter.isComplete).toBe(isComplete)
  })

  it('shows the tokens and the model, whatever their names', () => {
    const { meter } = read([
      { model: 'm', choices: [], usage },
      { model: 'other', usage: null },
    ])
    expect(meter).toMatchObject({
      model: 'm',
      usage: { promptTokens: 1, completionTokens: 2, totalTokens: 3 },
    })
    const response = { usage: { input_tokens: 4, output_tokens: 5, total_tokens: 9 } }
    expect(read([{ type: 'response.completed', response }]).meter.usage).toEqual({
      promptTokens: 4,
      completionTokens: 5,
      totalTokens: 9,
    })
    const none = { usage: { prompt_tokens: -1, completion_tokens: '2' } }
    expect(read([none]).meter.usage).toBeUndefined()
    expect(read([{ usage }, { usage: {} }, none]).meter.usage).toMatchObject({ totalTokens: 3 })
  })

  it('loses only the event that has nothing but the tokens, where they were not asked for', () => {
    const finish = { ...choice(0, 'stop'), usage }
    const only = { choices: [], usage }
    expect(read([finish, only], { includesUsage: false }).passed).toEqual([finish])
    expect(read([finish, only]).passed).toEqual([finish, only])
    const filtered = { choices: [], prompt_filter_results: [] }
    expect(read([filtered], { includesUsage: false }).passed).toEqual([filtered])
  })

  it('is described once', () => {
    const metadata = { a: 1 }
    const own = { x: 1, _metadata: 'own' }
    expect(read([own, own], { metadata }).passed).toEqual([{ x: 1, _metadata: metadata }, { x: 1 }])
    expect(read([own]).passed).toEqual([{ x: 1 }])
  })

  it.each(['', 'text', '1', 'null', '[]', '{', '"x"'])(
    'is unusable with an event of %j',
    (data) => {
      expect(() => new StreamMeter().read({ data })).toThrow(
        expect.objectContaining({ kind: 'unusable' }) as Error,
      )
    },
  )

  it('has a bound for the choices that it follows', () => {
    const choices = Array.from({ length: 10_000 }, (_choice, index) => ({ index }))
    const ended = choices.map((one) => ({ ...one, finish_reason: 'stop' }))
    expect(read([{ choices }, { choices: ended.slice(0, 4095) }]).meter.isComplete).toBe(false)
    expect(read([{ choices }, { choices: ended.slice(0, 4096) }]).meter.isComplete).toBe(true)
  })
})

describe('an event', () => {
  it('is written as it was read', () => {
    expect(Buffer.from(encodeEvent({ data: '{}' })).toString()).toBe('data: {}\n\n')
    expect(Buffer.from(encodeEvent({ event: 'a', data: '1\n2' })).toString()).toBe(
      'event: a\ndata: 1\ndata: 2\n\n',
    )
  })

  it('of an error has the shape of its route', () => {
    const error = new HttpError(504, 'late')
    expect(JSON.parse(errorEvent(error, 'chat').data)).toEqual({
      error: {
        status: 504,
        message: 'late',
        type: 'server_error',
        param: null,
        code: 'upstream_timeout',
      },
    })
    const { event, data } = errorEvent(error, 'responses')
    expect(event).toBe('error')
    expect(JSON.parse(data)).toMatchObject({
      type: 'error',
      code: 'upstream_timeout',
      message: 'late',
      param: null,
    })
  })
})
