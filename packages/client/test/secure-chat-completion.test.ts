import { execFile } from 'node:child_process'
import { createServer, type IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { readConfig } from '../src/config/options.js'
import type { Logger } from '../src/config/log.js'
import { splitRequest } from '../src/completion/seal-request.js'
import { Session } from '../src/session.js'
import {
  clientKeyDir,
  hello,
  newClient,
  sealedEcho,
  startTestServer,
  testKey,
  type TestServer,
} from './support.js'
import { expectCode, listenOnLoopback } from '@nomyo-internal/testing'

const CANARY = 'canary-5b1f'

describe('SecureChatCompletion', () => {
  it('answers create and acreate alike, with one key pair and one key fetch', async () => {
    const server = await startTestServer()
    const client = newClient(server)
    const calls = Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0 ? client.create(hello) : client.acreate(hello),
    )
    const answers = await Promise.all(calls)
    expect(answers.every(({ choices }) => choices[0].message.content === 'Hello!')).toBe(true)
    expect(server.keyFetches).toHaveLength(1)
    expect(new Set(server.completions.map(({ headers }) => headers['x-public-key'])).size).toBe(1)
    expect(new Set(server.completions.map(({ headers }) => headers['x-payload-id'])).size).toBe(20)
  })

  it('ends a call when its signal aborts, also while keys are generated', async () => {
    const server = await startTestServer()
    vi.spyOn(crypto.subtle, 'generateKey').mockReturnValue(new Promise(() => undefined))
    onTestFinished(() => void vi.restoreAllMocks())
    const client = newClient(server, { keyDir: undefined })
    const signal = AbortSignal.timeout(5)
    await expectCode(client.create(hello, { signal }), 'ERR_ABORTED')
    await expectCode(client.create(hello, { signal }), 'ERR_ABORTED')
    expect(server.completions).toHaveLength(0)
  })

  it('settles calls in flight when it is disposed of, and accepts no more', async () => {
    const server = await startTestServer()
    server.answer = () => undefined
    const client = newClient(server)
    const call = client.create(hello)
    const failed = expect(call).rejects.toMatchObject({ code: 'ERR_ABORTED' })
    while (server.completions.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    client.dispose()
    client.dispose()
    await failed
    await expectCode(client.create(hello), 'ERR_KEY_DISPOSED')
  })

  it('shows no key, prompt or answer when it or its errors are printed', async () => {
    const server = await startTestServer()
    const logged: string[] = []
    const log = (line: string): unknown => logged.push(line)
    const logger = { warn: log, debug: log } as Logger
    const options = { apiKey: `${CANARY}-key`, maxRetries: 1, debug: true, logger }
    const client = newClient(server, options)
    const request = {
      model: `${CANARY}-model`,
      messages: [{ role: 'user' as const, content: CANARY }],
    }
    const print = (value: unknown): string =>
      [inspect(value, { depth: 20, showHidden: true }), JSON.stringify(value), String(value)].join(
        '\n',
      )
    await client.create(request)
    expect(print(client)).not.toContain(CANARY)
    const answers: TestServer['answer'][] = [
      (_seen, response) => void response.end('{}'),
      (_seen, response) => void response.writeHead(400).end('{"detail":"no"}'),
      (_seen, response) => void response.destroy(),
      async (seen, response) =>
        void response.end(await sealedEcho(seen, server.serverKey, { payload_id: CANARY })),
    ]
    for (const answer of answers) {
      server.answer = answer
      const error: unknown = await client.create(request).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(Error)
      expect(print(error)).not.toContain(CANARY)
      expect((error as Error).stack).not.toContain(CANARY)
    }
    expect(logged.length).toBeGreaterThan(10)
    expect(logged.join('\n')).not.toContain(CANARY)
  })

  it.each([true, false])(
    'zeroes the bytes of a request with secureMemory %s',
    async (secureMemory) => {
      const server = await startTestServer()
      const logger = { warn: () => undefined }
      const config = readConfig({ baseUrl: server.url, allowHttp: true, logger, secureMemory })
      const session = new Session(config, false)
      const { replyKeys } = (await session.context.wires.loadWire1()).context
      replyKeys.replace(await testKey('client'))
      const split = splitRequest(hello, 'padme')
      await session.complete(split, {})
      expect(split.payload.every((byte) => byte === 0)).toBe(secureMemory)
      session.dispose()
    },
  )

  it('names the call to use when an answer is read as a stream, and is a plain object', async () => {
    const server = await startTestServer()
    const client = newClient(server)
    const streamed = await client.create({ ...hello, stream: true })
    const read = async (): Promise<void> => {
      for await (const chunk of streamed as unknown as AsyncIterable<unknown>) expect(chunk).toBe(0)
    }
    await expectCode(read(), 'ERR_INVALID_REQUEST')
    await expect(read()).rejects.toThrow(/chat\.completions\.create/)
    expect(Object.keys({ ...streamed })).toEqual(Object.keys(streamed))
    expect(Reflect.ownKeys({ ...streamed })).not.toContain(Symbol.asyncIterator)
    expect(Symbol.asyncIterator in (await client.create(hello))).toBe(false)
  })

  it('lists models with the key of the client, or another, and retries', async () => {
    const asked: IncomingMessage[] = []
    const server = createServer((request, response) => {
      asked.push(request)
      if (asked.length === 1) response.writeHead(503, { 'retry-after': '0' }).end()
      else response.end('{"data":[{"id":"one"},{"id":"two"}]}')
    })
    const url = `http://127.0.0.1:${String(await listenOnLoopback(server))}`
    onTestFinished(() => void server.close())
    const client = newClient({ url }, { apiKey: 'mine', defaultHeaders: { 'x-a': '1' } })
    expect((await client.listModels())?.names).toEqual(['one', 'two'])
    await client.listModels({ apiKey: 'yours', headers: { 'x-b': '2' } })
    expect(asked.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer mine',
      'Bearer mine',
      'Bearer yours',
    ])
    expect(asked[2]?.headers).toMatchObject({ 'x-a': '1', 'x-b': '2' })
    await expectCode(client.listModels({ apiKey: 7 as never }), 'ERR_INVALID_OPTION')
    await expectCode(client.listModels(7 as never), 'ERR_INVALID_OPTION')
    client.dispose()
    await expectCode(client.listModels(), 'ERR_KEY_DISPOSED')
  })

  it('keeps no process alive after an abort while the server does not answer', async () => {
    const server = await startTestServer()
    server.answerKeyFetch = () => undefined
    const library = fileURLToPath(new URL('../dist/index.js', import.meta.url))
    const program = `
      const { SecureChatCompletion } = await import(${JSON.stringify(library)})
      const client = new SecureChatCompletion({
        baseUrl: '${server.url}',
        allowHttp: true,
        keyDir: ${JSON.stringify(clientKeyDir)},
      })
      const stop = new AbortController()
      setTimeout(() => stop.abort(), 2000)
      await client.create(${JSON.stringify(hello)}, { signal: stop.signal }).catch(({ code }) => process.stdout.write(code))`
    const args = ['--no-warnings', '--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 })
    expect(stdout).toBe('ERR_ABORTED')
    expect(server.keyFetches).toHaveLength(1)
  })

  it.each(['client.dispose()', ''])('keeps no process alive after %j', async (last) => {
    const server = await startTestServer()
    const library = fileURLToPath(new URL('../dist/index.js', import.meta.url))
    const program = `
      const { SecureChatCompletion } = await import(${JSON.stringify(library)})
      const client = new SecureChatCompletion({
        baseUrl: '${server.url}',
        allowHttp: true,
        keyDir: ${JSON.stringify(clientKeyDir)},
      })
      const { choices } = await client.create(${JSON.stringify(hello)})
      ${last}
      process.stdout.write(choices[0].message.content)`
    const args = ['--no-warnings', '--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 })
    expect(stdout).toBe('Hello!')
  })
})
