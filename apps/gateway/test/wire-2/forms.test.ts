import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { readFormRequest } from '../../src/completion/request/form/form-request.js'
import { readForm } from '../../src/completion/request/form/read-form.js'
import { HttpError } from '../../src/http-error.js'
import { EventLoopTurns } from '../../src/json/event-loop-turns.js'
import { Random } from '../fuzz/random.js'

const INPUTS = Number(process.env['NOMYO_FUZZ_INPUTS'] ?? 300)
const TYPE = 'multipart/form-data; boundary=bound'
const turns = new EventLoopTurns()

const part = (head: string, value: string, more = ''): string =>
  `--bound\r\nContent-Disposition: form-data; ${head}\r\n${more}\r\n${value}\r\n`
const WHOLE =
  part('name="model"', 'm') +
  part('name="prompt"', 'a\r\nb --bound c') +
  part('name="file"; filename="a.wav"', '\r\n--boun\r\n\0\u00ff', 'Content-Type: audio/wav\r\n') +
  part('name="include[]"', 'logprobs') +
  '--bound--\r\n'

/** Reads a body as another reader of forms does. */
const entriesOf = async (bytes: Uint8Array, type: string): Promise<unknown[]> => {
  const response = new Response(bytes as BodyInit, { headers: { 'content-type': type } })
  const entries = [...(await response.formData())] as [string, string | File][]
  return Promise.all(
    entries.map(async ([name, value]) => [
      name,
      typeof value === 'string'
        ? value
        : [value.name, value.type, Buffer.from(await value.arrayBuffer()).toString('latin1')],
    ]),
  )
}

const bytesOf = async (body: Uint8Array | NodeJS.ReadableStream): Promise<Uint8Array> =>
  body instanceof Uint8Array ? body : buffer(body)

describe('a form', () => {
  it('is read without a copy of its file', async () => {
    const bytes = Buffer.from(WHOLE, 'latin1')
    const { file } = await readForm(bytes, TYPE, turns)
    for (const span of file.spans) {
      if (span.length > 8) expect(span.buffer).toBe(bytes.buffer)
    }
    expect(Buffer.concat(file.spans).toString('latin1')).toBe('\r\n--boun\r\n\0\u00ff')
  })

  it('is written so that other readers find the same', async () => {
    const request = await readFormRequest(Buffer.from(WHOLE, 'latin1'), TYPE, turns)
    const body = request.rewrite({ cache_salt: 'salt' })
    const bytes = await bytesOf(body.toBody())
    expect(bytes.length).toBe(body.byteLength)
    expect(await entriesOf(bytes, body.contentType)).toEqual([
      ['model', 'm'],
      ['prompt', 'a\r\nb --bound c'],
      ['include[]', 'logprobs'],
      ['cache_salt', 'salt'],
      ['file', ['audio.wav', 'audio/wav', '\r\n--boun\r\n\0\u00ff']],
    ])
  })

  it('has another boundary each time', async () => {
    const request = await readFormRequest(Buffer.from(WHOLE), TYPE, turns)
    expect(request.rewrite({}).contentType).not.toBe(request.rewrite({}).contentType)
  })

  it.each([
    '--bound--name="model"\r\n\r\nm\r\n--bound\r\nContent-Disposition: form-data; name="x"\r\n\r\na',
    `--bound--${WHOLE}`,
    `--bound\r\n--bound--${WHOLE}${WHOLE}`,
  ])('in which the parser gets stuck is refused: %j', async (text) => {
    const reading = readForm(Buffer.from(text), TYPE, turns)
    await expect(reading).rejects.toMatchObject({ statusCode: 400 })
  })

  it('has no room for fields that are large together', async () => {
    const field = part('name="x"', 'x'.repeat(900_000))
    const reading = readForm(Buffer.from(field.repeat(5) + WHOLE), TYPE, turns)
    await expect(reading).rejects.toMatchObject({ statusCode: 413 })
  })

  it(`is refused, or read as other readers do, whatever is changed in it`, async () => {
    const outcomes = { refused: 0, read: 0 }
    for (let at = 0; at < INPUTS; at++) {
      const bytes = mutated(new Random(at))
      try {
        const request = await readFormRequest(bytes, TYPE, turns)
        const body = request.rewrite({})
        const written = await entriesOf(await bytesOf(body.toBody()), body.contentType)
        const { fields, file } = await readForm(bytes, TYPE, turns)
        const others = fields.filter(([name]) => name !== 'model')
        const name = file.extension === undefined ? 'audio' : `audio.${file.extension}`
        const content = Buffer.concat(file.spans).toString('latin1')
        expect([at, written]).toEqual([
          at,
          [['model', request.model], ...others, ['file', [name, file.contentType, content]]],
        ])
        outcomes.read++
      } catch (error) {
        if (!(error instanceof HttpError)) throw error
        expect([400, 413]).toContain(error.statusCode)
        outcomes.refused++
      }
    }
    expect(outcomes.read).toBeGreaterThan(0)
    expect(outcomes.refused).toBeGreaterThan(0)
  })
})

const PIECES = [
  '\r\n',
  '--bound',
  '--bound--',
  '--',
  '\r\n\r\n',
  '"',
  ';',
  'filename="x"',
  '\0',
  'name="model"',
]

/** The form with some pieces removed, doubled, inserted or changed. */
function mutated(random: Random): Uint8Array {
  let text = WHOLE
  for (let count = random.below(4) + 1; count > 0; count--) {
    const [from, length] = [random.below(text.length), random.below(40)]
    const [head, middle, tail] = [
      text.slice(0, from),
      text.slice(from, from + length),
      text.slice(from + length),
    ]
    const piece = PIECES[random.below(PIECES.length)] ?? ''
    text =
      [
        head + tail,
        head + middle + middle + tail,
        head + piece + middle + tail,
        head + piece + tail,
      ][random.below(4)] ?? ''
  }
  return Buffer.from(text, 'latin1')
}
