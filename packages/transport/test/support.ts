import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSocketServer, type Socket } from 'node:net'
import { listenOnLoopback } from '@nomyo-internal/testing'
import { expect, onTestFinished } from 'vitest'
import { APIConnectionError } from '../src/errors.js'
import { createHttpTransport, type HttpTransportOptions } from '../src/http/http-transport.js'
import { parseBaseUrl } from '../src/endpoint.js'
import type { TransportRequest, TransportResponse } from '../src/transport.js'

/** A server on loopback, gone with the test that started it. */
export interface TestServer {
  readonly url: string
  /** Every connection made so far. */
  readonly connections: Socket[]
}

/** One request as the server saw it. */
export interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** An HTTP server whose every answer is up to the test. */
export async function startServer(
  answer: (response: ServerResponse, seen: Seen) => void,
): Promise<TestServer & { readonly seen: Seen[] }> {
  const seen: Seen[] = []
  const connections: Socket[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method, url, headers } = request
      const one = { method, url, headers, body: Buffer.concat(chunks) }
      seen.push(one)
      answer(response, one)
    })
  })
  server.on('connection', (socket) => connections.push(socket))
  const url = `http://127.0.0.1:${await listenOnLoopback(server)}`
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url, connections, seen }
}

/** A server that speaks no HTTP of its own: the test writes the bytes once a request has begun. */
export async function startRawServer(answer: (socket: Socket) => void): Promise<TestServer> {
  const connections: Socket[] = []
  const server = createSocketServer((socket) => {
    connections.push(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => {
      answer(socket)
    })
  })
  const url = `http://127.0.0.1:${await listenOnLoopback(server)}`
  onTestFinished(() => {
    for (const socket of connections) socket.destroy()
    server.close()
  })
  return { url, connections }
}

/** Writes for as long as the other end takes it, the way an endless body does. */
function writeForEver(socket: Socket, chunk: string): void {
  const more = (): void => {
    while (socket.writable && socket.write(chunk));
  }
  socket.on('drain', more)
  more()
}

/** The head of an endless answer, then chunks of 64 KiB. */
export function answerForEver(socket: Socket, status = '200 OK'): void {
  socket.write(`HTTP/1.1 ${status}\r\ntransfer-encoding: chunked\r\n\r\n`)
  writeForEver(socket, `10000\r\n${'x'.repeat(0x10000)}\r\n`)
}

/** Resolves when the other end has let go of a connection. */
export async function closed(socket: Socket | undefined): Promise<void> {
  if (socket === undefined) throw new Error('no connection was made')
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
}

/** The carrier of a request: the platform's `fetch`, another one, or an HttpSend. */
export type Way = Pick<HttpTransportOptions, 'fetch' | 'send'>

/** Sends one request over HTTP, by default a small POST without a time limit. */
export function send(
  url: string,
  request: Partial<TransportRequest> = {},
  way: Way = {},
): Promise<TransportResponse> {
  const transport = createHttpTransport({ ...way, baseUrl: parseBaseUrl(url) })
  return transport.send({
    method: 'POST',
    path: '/somewhere',
    headers: {},
    body: new TextEncoder().encode('request'),
    maxResponseBytes: 1024 * 1024,
    signal: new AbortController().signal,
    ...request,
  })
}

/** Expects there to be no usable answer, for the reason that a code names. */
export async function expectConnectionError(
  promise: Promise<unknown>,
  code: string,
): Promise<void> {
  const error = await rejection(promise)
  expect(error).toBeInstanceOf(APIConnectionError)
  expect(error).toMatchObject({ code })
}

/** Returns the reason of a rejected promise; a promise that resolves fails the test. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    () => ({ settled: 'resolved' as const }),
    (error: unknown) => ({ settled: 'rejected' as const, error }),
  )
  if (outcome.settled === 'resolved') throw new Error('expected a rejection')
  return outcome.error
}
