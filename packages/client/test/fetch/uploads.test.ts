import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, openAsBlob, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expectCode, makeKeyDir, temporaryFolder } from '@nomyo-internal/testing'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { SecureChatCompletion, type SecureChatCompletionOptions } from '../../src/index.js'
import { createNomyoFetch } from '../../src/openai-fetch/index.js'
// Not a dependency: the gateway depends on this client, by way of its page.
import { createGateway } from '../../../../apps/gateway/dist/index.js'

const MIB = 1024 * 1024
const PATH = '/v1/audio/transcriptions'
const SOUND = randomBytes(3 * MIB)
const file = join(temporaryFolder(), 'speech.mp3')
writeFileSync(file, SOUND)

interface Seen {
  readonly isWhole: boolean
  readonly fields: Record<string, string>
  readonly file?: { readonly name: string; readonly type: string; readonly isSame: boolean }
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const seen: Seen[] = []
let statuses: number[] = []
const model = createServer((request, response) => {
  if (request.method === 'GET') return void response.end('{"data":[]}')
  buffer(request).then(
    async (bytes) => {
      const type = request.headers['content-type'] ?? ''
      const form = await new Response(bytes, { headers: { 'content-type': type } }).formData()
      const { file: sound, ...fields } = Object.fromEntries(form) as Record<string, string | File>
      const { name, type: mediaType } = sound as File
      const isSame = digest(new Uint8Array(await (sound as File).arrayBuffer())) === digest(SOUND)
      const one = {
        fields: fields as Record<string, string>,
        file: { name, type: mediaType, isSame },
      }
      seen.push({ isWhole: true, ...one })
      const status = statuses.shift() ?? 200
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(status === 200 ? '{"text":"Hi"}' : '{"error":{"message":"busy"}}')
    },
    () => seen.push({ isWhole: false, fields: {} }),
  )
  return undefined
})
await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve))
const gateway = await createGateway({
  host: '127.0.0.1',
  port: 0,
  engine: {
    kind: 'openai',
    baseUrl: `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`,
    apiKey: undefined,
  },
  keyDir: makeKeyDir(
    { 'private_key.pem': 'server', 'public_key.pem': 'server.public.pem' },
    temporaryFolder(),
  ),
  maxBodyBytes: MIB,
  maxUploadBytes: 6 * MIB,
  logLevel: 'silent',
})
const clientWith = (options: SecureChatCompletionOptions = {}): SecureChatCompletion =>
  new SecureChatCompletion({
    baseUrl: gateway.url,
    allowHttp: true,
    logger: { warn: () => undefined },
    wire: 2,
    ...options,
  })
const client = clientWith()
afterAll(async () => {
  client.dispose()
  await gateway.close()
  model.closeAllConnections()
  model.close()
})

beforeEach(() => {
  seen.length = 0
  statuses = []
})

const formOf = (sound: Blob): FormData => {
  const form = new FormData()
  form.append('file', sound, 'speech.mp3')
  form.append('model', 'm')
  form.append('prompt', 'a "b"\nc')
  return form
}

/** Encodes a form as another program does. */
const encoded = (sound: Blob): Response => new Response(formOf(sound))

const parts = async function* (sound: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve()
  for (let at = 0; at < sound.length; at += 50_000) yield sound.subarray(at, at + 50_000)
}

const streamOf = (sound: Uint8Array): ReadableStream<Uint8Array> =>
  Readable.toWeb(Readable.from(parts(sound))) as ReadableStream<Uint8Array>

const SAME = { name: 'audio.mp3', isSame: true }

describe('a file above the limit of requests arrives whole', () => {
  it.each<[string, () => Promise<Blob>]>([
    ['a Blob', () => Promise.resolve(new Blob([SOUND], { type: 'audio/mpeg' }))],
    ['a file of the system', () => openAsBlob(file, { type: 'audio/mpeg' })],
  ])('in a form, as %s', async (_, sound) => {
    const response = await client.fetch(PATH, { method: 'POST', body: formOf(await sound()) })
    expect(await response.json()).toMatchObject({ text: 'Hi' })
    expect(seen).toEqual([
      {
        isWhole: true,
        fields: { model: 'm', prompt: 'a "b"\r\nc' },
        file: { ...SAME, type: 'audio/mpeg' },
      },
    ])
  })

  it.each<[string, () => Blob | Response | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>]>(
    [
      ['a File', () => new File([SOUND], 'x.mp3')],
      ['a stream of Node', () => createReadStream(file)],
      ['a stream', () => streamOf(SOUND)],
      ['a Response', () => new Response(SOUND, { headers: { 'content-type': 'audio/mpeg' } })],
      ['parts', () => parts(SOUND)],
    ],
  )('given to audio.transcriptions as %s', async (_, sound) => {
    const answer = await client.audio.transcriptions.create({ file: sound(), model: 'm' })
    expect(answer).toMatchObject({ text: 'Hi' })
    expect(seen[0]).toMatchObject({ isWhole: true, fields: { model: 'm' }, file: { isSame: true } })
  })

  it('through the fetch of an SDK', async () => {
    const fetch = createNomyoFetch({ client })
    const body = formOf(new Blob([SOUND]))
    const response = await fetch(`http://localhost${PATH}`, { method: 'POST', body })
    expect(await response.json()).toMatchObject({ text: 'Hi' })
    expect(seen[0]).toMatchObject({ file: SAME })
  })

  it.each([
    ['of known length', true],
    ['of unknown length', false],
  ])('as a stream that another program encoded, %s', async (_, isKnown) => {
    // Its file comes last.
    const bytes = new Uint8Array(await encoded(new Blob([SOUND])).arrayBuffer())
    const form = Buffer.from(bytes)
    const type = `multipart/form-data; boundary=${form.toString('latin1', 2, form.indexOf('\r\n'))}`
    const ordered = lastFirst(form)
    const length: Record<string, string> = isKnown ? { 'content-length': `${ordered.length}` } : {}
    const response = await client.fetch(PATH, {
      method: 'POST',
      headers: { 'content-type': type, ...length },
      body: streamOf(ordered),
    })
    expect(await response.json()).toMatchObject({ text: 'Hi' })
    expect(seen[0]).toMatchObject({ fields: { model: 'm' }, file: SAME })
  })

  /** Moves the first part of a form, which is its file, behind the others. */
  function lastFirst(form: Buffer): Buffer {
    const delimiter = form.subarray(0, form.indexOf('\r\n'))
    const second = form.indexOf(delimiter, delimiter.length)
    const end = form.lastIndexOf(`${delimiter.toString('latin1')}--`)
    return Buffer.concat([form.subarray(second, end), form.subarray(0, second), form.subarray(end)])
  }
})

describe('a failure', () => {
  it('is followed by another attempt where the file can be read again, as that of a Blob', async () => {
    statuses = [503]
    const retrying = clientWith({ maxRetries: 1 })
    const body = formOf(await openAsBlob(file))
    const response = await retrying.fetch(PATH, { method: 'POST', body })
    expect(await response.json()).toMatchObject({ text: 'Hi' })
    expect(seen.map(({ file: sound }) => sound?.isSame)).toEqual([true, true])
    retrying.dispose()
  })

  it('is final where the file is a stream', async () => {
    statuses = [503]
    const retrying = clientWith({ maxRetries: 1 })
    const sending = retrying.audio.transcriptions.create({
      file: createReadStream(file),
      model: 'm',
    })
    await expect(sending).rejects.toMatchObject({ statusCode: 503 })
    expect(seen).toHaveLength(1)
    retrying.dispose()
  })
})

describe('an upload is no request', () => {
  it('above the limit of the gateway: nothing is sent', async () => {
    const body = formOf(new Blob([new Uint8Array(6 * MIB)]))
    await expectCode(client.fetch(PATH, { method: 'POST', body }), 'ERR_REQUEST_TOO_LARGE')
    expect(seen).toEqual([])
  })

  it('above it as a stream: it ends', async () => {
    const sending = client.audio.transcriptions.create({
      file: parts(new Uint8Array(7 * MIB)),
      model: 'm',
    })
    await expectCode(sending, 'ERR_REQUEST_TOO_LARGE')
    await expect.poll(() => seen).toEqual([{ isWhole: false, fields: {} }])
  })

  it.each([
    ['that fails', () => failing(new Error('disk of canary')), undefined],
    ['that holds a text', () => failing(), undefined],
    ['that is shorter than it says', () => parts(SOUND), SOUND.length + 1],
    ['that is longer than it says', () => parts(SOUND), SOUND.length - 1],
  ] as const)('of a stream %s', async (_, sound, length) => {
    const headers = {
      'content-type': 'multipart/form-data; boundary=b',
      ...(length === undefined ? {} : { 'content-length': String(length) }),
    }
    const stream = Readable.toWeb(Readable.from(sound())) as ReadableStream<Uint8Array>
    const error: unknown = await client
      .fetch(PATH, { method: 'POST', headers, body: stream })
      .catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'ERR_INVALID_REQUEST' })
    expect(JSON.stringify(error) + String(error)).not.toContain('canary')
    expect(seen.every(({ isWhole }) => !isWhole)).toBe(true)
  })

  async function* failing(error?: Error): AsyncGenerator<Uint8Array> {
    yield* parts(SOUND)
    if (error !== undefined) throw error
    yield 'text' as unknown as Uint8Array
  }

  it('that its caller aborts', async () => {
    const controller = new AbortController()
    async function* slow() {
      yield* parts(SOUND)
      controller.abort()
      await new Promise((resolve) => setTimeout(resolve, 20))
      yield* parts(SOUND)
    }
    const { signal } = controller
    const sending = client.audio.transcriptions.create({ file: slow(), model: 'm' }, { signal })
    await expectCode(sending, 'ERR_ABORTED')
    expect(seen.every(({ isWhole }) => !isWhole)).toBe(true)
  })

  it.each([
    ['a text', 'sound'],
    ['nothing', undefined],
    ['a number', 7],
    ['an object', {}],
  ])('of %s', async (_, sound) => {
    const sending = client.audio.transcriptions.create({ file: sound as never, model: 'm' })
    await expectCode(sending, 'ERR_INVALID_REQUEST')
    expect(seen).toEqual([])
  })
})
