import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, utimesSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SecureChatCompletion, type ChatCompletionRequest } from '@nomyo/client'
import {
  TINY_TEXT,
  expectCode,
  installedNodeLlamaCpp,
  runGateway,
  shared,
  startGatewayProcess,
  startServer,
  stopAfterTest,
  temporaryFolder,
  until,
  writeTinyModel,
} from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import {
  downloadModel,
  type ModelFetcher,
} from '../../src/upstreams/embedded/file/download-model.js'
import { parseModelLocation } from '../../src/upstreams/embedded/file/model-location.js'
import { resolveModel } from '../../src/upstreams/embedded/file/resolve-model.js'

const folderOfLibrary = await installedNodeLlamaCpp()
const NOWHERE = 'http://127.0.0.1:9'

/** The model that the guide names, and its file. */
const README = readFileSync(join(import.meta.dirname, '../../../../README.md'), 'utf8')
const [, MODEL = ''] = /model: '([^']+)'/.exec(README) ?? []
const PLACE = `hf:${MODEL}-GGUF:Q8_0`
const FILE = `${MODEL.split('/')[1] ?? ''}-Q8_0.gguf`

const path = join(temporaryFolder(), 'tiny.gguf')
writeTinyModel(path)
const tiny = readFileSync(path)
const sha256 = createHash('sha256').update(tiny).digest('hex')

/** The ways in which a server sends a file. */
type Behaviour = 'whole' | 'half' | 'too large'

/** A mirror of Hugging Face with one model. */
function startMirror(behaviour: Behaviour = 'whole') {
  const requests: string[] = []
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const { url = '', method = '' } = request
    requests.push(`${method} ${url}`)
    if (url === '/') response.end()
    else if (url === `/v2/${MODEL}-GGUF/manifests/Q8_0`) {
      response.end(JSON.stringify({ ggufFile: { rfilename: FILE, size: tiny.length } }))
    } else if (url.startsWith(`/${MODEL}-GGUF/resolve/main/${FILE}`) || url === '/tiny.gguf') {
      sendFile(request, response, behaviour)
    } else response.writeHead(404).end()
  }
  return startServer(listener).then((server) => ({ ...server, requests }))
}

function sendFile(request: IncomingMessage, response: ServerResponse, behaviour: Behaviour): void {
  const size = behaviour === 'too large' ? 2 ** 50 : tiny.length
  const [, from = '0', to = size - 1] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
  const [first, last] = [Number(from), Math.min(Number(to), size - 1)]
  const isPart = request.headers.range !== undefined
  response.writeHead(isPart ? 206 : 200, {
    'accept-ranges': 'bytes',
    'content-length': last - first + 1,
    ...(isPart ? { 'content-range': `bytes ${first}-${last}/${size}` } : {}),
  })
  const bytes = tiny.subarray(first, last + 1)
  // The first letters, for which a download asks beforehand, come in any case.
  if (behaviour === 'whole' || bytes.length < 100) response.end(bytes)
  else response.write(bytes.subarray(0, 1000))
}

describe.skipIf(folderOfLibrary === undefined)('a download', () => {
  const mirror = shared(() => startMirror())
  const lines: string[] = []
  const logger = { info: (line: string) => void lines.push(line), warn: () => undefined }

  const library = async (): Promise<ModelFetcher> => {
    const main = join(folderOfLibrary ?? '', 'node_modules/node-llama-cpp/dist/index.js')
    return (await import(pathToFileURL(main).href)) as ModelFetcher
  }
  const get = async (
    place: string,
    options: Partial<Parameters<typeof downloadModel>[2]> & { readonly folder: string },
  ): Promise<string> => {
    const location = parseModelLocation(place)
    if (location === undefined || location.kind === 'file') throw new Error(place)
    const { signal } = new AbortController()
    return downloadModel(location, await library(), {
      ...{ logger, signal, huggingFace: mirror().url },
      ...options,
    })
  }

  it('happens once, and removes what a crash left long ago', async () => {
    const folder = temporaryFolder()
    const [old, other] = ['.partial-old', '.partial-other'].map((name) => join(folder, name))
    for (const path of [old!, other!]) mkdirSync(path)
    utimesSync(old!, 0, 0)
    const file = await get(PLACE, { folder })
    expect(readFileSync(file).equals(tiny)).toBe(true)
    const before = mirror().requests.length
    expect(await get(PLACE, { folder })).toBe(file)
    expect(mirror().requests).toHaveLength(before)
    expect(readdirSync(folder)).toEqual(['.partial-other', basename(file)])
  })

  it('tells its steps', () => {
    for (const step of [
      'connecting to 127.0.0.1:',
      'downloading 1.1 MB',
      'downloaded to /',
      'found /',
    ]) {
      expect(
        lines.some((line) => line.includes(PLACE) && line.includes(step)),
        step,
      ).toBe(true)
    }
  })

  it('fails for a model that does not exist', async () => {
    const folder = temporaryFolder()
    await expectCode(get('hf:missing/nothing:Q8_0', { folder }), 'ERR_MODEL_DOWNLOAD')
    expect(readdirSync(folder)).toEqual([])
  })

  it.each(['half', 'too large'] as const)(
    'fails with %s of it, and leaves nothing',
    async (how) => {
      const folder = temporaryFolder()
      const server = stopAfterTest(await startMirror(how))
      const place = `${server.url}/tiny.gguf`
      await expectCode(get(place, { folder, stallMs: 200 }), 'ERR_MODEL_DOWNLOAD')
      expect(readdirSync(folder)).toEqual([])
    },
  )

  it('ends with its signal, and leaves nothing', async () => {
    const folder = temporaryFolder()
    const server = stopAfterTest(await startMirror('half'))
    const cancelled = new AbortController()
    const reason = new Error('cancelled by the test')
    const download = get(PLACE, { folder, huggingFace: server.url, signal: cancelled.signal })
    const outcome = expect(download).rejects.toBe(reason)
    await until(() => server.requests.filter((line) => line.includes(FILE)).length > 1)
    cancelled.abort(reason)
    await outcome
    expect(readdirSync(folder)).toEqual([])
  })

  it('leaves nothing whose hash is not the expected one', async () => {
    const folder = temporaryFolder()
    const location = parseModelLocation(`${mirror().url}/tiny.gguf`)
    if (location === undefined) throw new Error('no location')
    const source = { location, cacheFolder: folder, sha256: sha256.replace(/^./, 'x') }
    const { signal } = new AbortController()
    const context = { logger, signal }
    await expectCode(resolveModel(source, await library(), context), 'ERR_MODEL_FILE')
    expect(readdirSync(folder)).toEqual([])
    const right = { ...source, sha256 }
    const path = await resolveModel(right, await library(), context)
    expect(readFileSync(path).equals(tiny)).toBe(true)
  })
})

describe.skipIf(folderOfLibrary === undefined)('a gateway with the model of the guide', () => {
  const options = (cache: string, ...more: string[]): string[] => [
    ...['--model', PLACE, '--model-library', folderOfLibrary ?? '', '--model-cache', cache],
    ...['--model-threads', '1', '--log-format', 'text', '--port', '0', ...more],
  ]

  it('fetches it and answers under its name, whole and streamed', async () => {
    const mirror = stopAfterTest(await startMirror())
    const gateway = stopAfterTest(
      await startGatewayProcess({
        args: options(temporaryFolder(), '--model-sha256', sha256),
        env: { HF_ENDPOINT: mirror.url },
      }),
    )
    const client = new SecureChatCompletion({ baseUrl: gateway.url, allowHttp: true })
    const request: ChatCompletionRequest = {
      model: MODEL,
      messages: [{ role: 'user', content: 'Hello!' }],
    }
    try {
      const { choices } = await client.create(request)
      expect(choices[0].message.content).toBe(TINY_TEXT)
      const stream = await client.chat.completions.create({ ...request, stream: true })
      let text = ''
      for await (const { choices: parts } of stream) text += parts[0]?.delta.content ?? ''
      expect(text).toBe(TINY_TEXT)
      expect(await client.listModels()).toMatchObject({ names: [MODEL] })
    } finally {
      client.dispose()
    }
  })

  it('says where the network ends the download', async () => {
    const env = { HF_ENDPOINT: NOWHERE }
    const { code, stderr } = await runGateway(options(temporaryFolder()), { env }).ended
    expect(code).toBe(1)
    expect(stderr).toContain('connecting to 127.0.0.1:9')
    expect(stderr).toContain('ERR_MODEL_DOWNLOAD')
  })

  it('stops during the download when asked to, and leaves nothing', async () => {
    const mirror = stopAfterTest(await startMirror('half'))
    const cache = temporaryFolder()
    const env = { HF_ENDPOINT: mirror.url }
    const gateway = stopAfterTest(runGateway(options(cache), { env }))
    await until(() => mirror.requests.filter((line) => line.includes(FILE)).length > 1)
    expect(readdirSync(cache)).not.toEqual([])
    const { code } = await gateway.stop()
    expect(code).toBe(0)
    expect(readdirSync(cache)).toEqual([])
  })
})
