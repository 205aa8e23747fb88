import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { listenOnLoopback } from '@nomyo-internal/testing'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { parseBaseUrl } from '../src/endpoint.js'
import { APIConnectionError } from '../src/errors.js'
import { createHttpTransport, type HttpTransport } from '../src/http/http-transport.js'
import type { RequestUpload } from '../src/transport.js'
import { createUndiciFetch } from '../src/undici/index.js'
import { rejection } from './support.js'

afterEach(() => {
  vi.unstubAllGlobals()
})

type Answer = (request: IncomingMessage, response: ServerResponse) => void

async function serve(answer: Answer): Promise<string> {
  const server = createServer(answer)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${String(await listenOnLoopback(server))}`
}

const WAYS = ['send', 'fetch', 'platform'] as const

function transportTo(url: string, way: (typeof WAYS)[number]): HttpTransport {
  const baseUrl = parseBaseUrl(url)
  if (way === 'platform') return createHttpTransport({ baseUrl })
  const own = createUndiciFetch()
  onTestFinished(() => own.close())
  return createHttpTransport({ baseUrl, [way]: own[way] })
}

const post = (
  transport: HttpTransport,
  upload: RequestUpload,
  signal = new AbortController().signal,
) =>
  transport.send({
    method: 'POST',
    path: '/',
    headers: {},
    upload,
    maxResponseBytes: 1000,
    signal,
  })

const PART = 64 * 1024

async function* parts(count: number, onPart: () => void = () => undefined) {
  for (let at = 0; at < count; at++) {
    await Promise.resolve()
    onPart()
    yield new Uint8Array(PART).fill(at)
  }
}

/** Answers with what arrived. */
const echoFacts: Answer = (request, response) => {
  let size = 0
  request.on('data', (part: Buffer) => (size += part.length))
  request.on('end', () => {
    const { 'content-length': length = null, 'transfer-encoding': coding = null } = request.headers
    response.end(JSON.stringify({ size, length, coding }))
  })
}

const textOf = ({ body }: { body: Uint8Array }): string => new TextDecoder().decode(body)

describe.each(WAYS)('a body that is made while it is sent, by %s', (way) => {
  it('arrives whole, in chunks without a length', async () => {
    const transport = transportTo(await serve(echoFacts), way)
    const answer = JSON.parse(textOf(await post(transport, { parts: parts(20) }))) as object
    expect(answer).toEqual({ size: 20 * PART, length: null, coding: 'chunked' })
  })

  it('ends the request with the error of its source', async () => {
    const ended: boolean[] = []
    const url = await serve((request) => {
      request.on('end', () => ended.push(true)).on('error', () => ended.push(false))
      request.resume()
    })
    const failure = new Error('the file is gone')
    async function* failing() {
      yield* parts(3)
      throw failure
    }
    expect(await rejection(post(transportTo(url, way), { parts: failing() }))).toBe(failure)
    await vi.waitFor(() => {
      expect(ended).toEqual([false])
    })
  })

  it('ends with its signal, also where the source stands still', async () => {
    const url = await serve((request) => {
      request.on('error', () => undefined).resume()
    })
    const controller = new AbortController()
    let isClosed = false
    async function* standing() {
      try {
        yield* parts(1)
        setTimeout(() => {
          controller.abort(new APIConnectionError('ERR_ABORTED', 'enough'))
        }, 20)
        await new Promise((resolve) => setTimeout(resolve, 200))
        yield new Uint8Array(1)
      } finally {
        isClosed = true
      }
    }
    const sending = post(transportTo(url, way), { parts: standing() }, controller.signal)
    expect(await rejection(sending)).toMatchObject({ code: 'ERR_ABORTED' })
    await vi.waitFor(() => {
      expect(isClosed).toBe(true)
    })
  })

  it('is read no faster than it is sent', async () => {
    let requested: IncomingMessage | undefined
    const url = await serve((request) => {
      // No reader.
      requested = request.on('error', () => undefined)
    })
    const controller = new AbortController()
    let read = 0
    const sending = post(
      transportTo(url, way),
      { parts: parts(10_000, () => read++) },
      controller.signal,
    )
    sending.catch(() => undefined)
    await vi.waitFor(() => {
      expect(requested).toBeDefined()
    })
    let before = -1
    while (read !== before) {
      before = read
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    // The buffers of the system hold some megabytes.
    expect(read * PART).toBeLessThan(64 * 1024 * 1024)
    controller.abort(new APIConnectionError('ERR_ABORTED', 'enough'))
    await rejection(sending)
  })
})

describe('a body whose length is known', () => {
  it('says so', async () => {
    const transport = transportTo(await serve(echoFacts), 'send')
    const upload = { parts: parts(3), byteLength: 3 * PART }
    expect(JSON.parse(textOf(await post(transport, upload)))).toEqual({
      size: 3 * PART,
      length: String(3 * PART),
      coding: null,
    })
  })

  it.each([-1, 1])('is an error where it differs by %i', async (difference) => {
    const transport = transportTo(await serve(echoFacts), 'send')
    const upload = { parts: parts(3), byteLength: 3 * PART + difference }
    expect(await rejection(post(transport, upload))).toMatchObject({ code: 'ERR_NETWORK' })
  })

  it('is answered before its end', async () => {
    const url = await serve((request, response) => {
      request.once('data', () => {
        response
          .writeHead(413, { 'content-type': 'application/json' })
          .end('{"detail":"too large"}')
        request.resume()
      })
    })
    let read = 0
    const upload = { parts: parts(4000, () => read++), byteLength: 4000 * PART }
    const { status, body } = await post(transportTo(url, 'send'), upload)
    expect(status).toBe(413)
    expect(textOf({ body })).toContain('too large')
  })
})

it('is a Blob in browsers', async () => {
  vi.stubGlobal('navigator', { userAgent: 'Mozilla/5.0 (X11)' })
  const bodies: unknown[] = []
  const fetch = ((_url: string, init: RequestInit) => {
    bodies.push(init.body)
    return Promise.resolve(new Response('ok'))
  }) as typeof globalThis.fetch
  const transport = createHttpTransport({ baseUrl: parseBaseUrl('https://a.example'), fetch })
  await post(transport, { parts: parts(3) })
  expect(bodies[0]).toBeInstanceOf(Blob)
  expect((bodies[0] as Blob).size).toBe(3 * PART)
})
