import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { startDeadline } from '../src/deadline.js'
import { APIConnectionError } from '../src/errors.js'
import { expectConnectionError, rejection, send, startServer } from './support.js'

const nowhere = 'http://127.0.0.1:1'
const part = new Uint8Array(256)

it('uses no redirects, credentials, cache or referrer', async () => {
  const asked: (RequestInit | undefined)[] = []
  const fetch = (_url: unknown, init?: RequestInit): Promise<Response> => {
    asked.push(init)
    return Promise.resolve(new Response())
  }
  await send(nowhere, {}, { fetch })
  expect(asked).toEqual([
    expect.objectContaining({
      redirect: 'manual',
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
    }),
  ])
})

it('asks Bun for no proxy on the way to this machine, and for no other', async () => {
  const asked: boolean[] = []
  const fetch = (
    _url: unknown,
    init: RequestInit & { proxy?: unknown } = {},
  ): Promise<Response> => {
    asked.push(init.proxy === false)
    return Promise.resolve(new Response())
  }
  for (const url of [nowhere, 'http://LOCALHOST:8', 'https://[::1]', 'https://gateway.example']) {
    await send(url, {}, { fetch })
  }
  expect(asked).toEqual([true, true, true, false])
})

it("looks the platform's up at each call", async () => {
  onTestFinished(() => {
    vi.unstubAllGlobals()
  })
  for (const status of [201, 202]) {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(null, { status })))
    expect((await send(nowhere)).status).toBe(status)
  }
})

it('keeps the words of a failure out of errors', async () => {
  const failure = Object.assign(new Error('canary'), { code: 'canary in the code' })
  const error = await rejection(send(nowhere, {}, { fetch: () => Promise.reject(failure) }))
  expect(error).toBeInstanceOf(APIConnectionError)
  expect(error).toMatchObject({ code: 'ERR_NETWORK' })
  expect((error as Error).message).not.toContain('canary')
  expect((error as Error).cause).toBeUndefined()
})

it('is ERR_REDIRECT where the platform hides one', async () => {
  const hidden = { type: 'opaqueredirect', status: 0, headers: new Headers(), body: null }
  const fetch = (): Promise<Response> => Promise.resolve(hidden as Response)
  await expectConnectionError(send(nowhere, {}, { fetch }), 'ERR_REDIRECT')
})

describe('an oversized body', () => {
  const maxResponseBytes = 100_000

  it('is dropped when a small gzip unpacks to it', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    expect(bomb.length).toBeLessThan(maxResponseBytes)
    const server = await startServer((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bomb.length })
      response.end(bomb)
    })
    await expectConnectionError(send(server.url, { maxResponseBytes }), 'ERR_RESPONSE_TOO_LARGE')
  })

  it.each([
    ['never settles', () => new Promise<void>(() => undefined)],
    ['fails', () => Promise.reject(new Error('no'))],
  ])('is dropped even where cancelling it %s', async (_what, cancel) => {
    const body = () => new ReadableStream({ pull: (stream) => stream.enqueue(part), cancel })
    const headers: HeadersInit[] = [{ 'content-length': '10000000000' }, {}]
    for (const given of headers) {
      const fetch = () => Promise.resolve(new Response(body(), { headers: given }))
      const sending = send(nowhere, { maxResponseBytes }, { fetch })
      await expectConnectionError(sending, 'ERR_RESPONSE_TOO_LARGE')
    }
  })
})

describe('a deadline ends', () => {
  const never = () => new Promise<never>(() => undefined)

  it.each<[string, typeof fetch]>([
    ['a fetch that never settles and heeds no signal', never],
    [
      'a body that never settles and heeds no signal',
      () => Promise.resolve(new Response(new ReadableStream({ pull: never }))),
    ],
  ])('%s', async (_what, fetch) => {
    const { signal } = startDeadline(50)
    await expectConnectionError(send(nowhere, { signal }, { fetch }), 'ERR_TIMEOUT')
  })
})
