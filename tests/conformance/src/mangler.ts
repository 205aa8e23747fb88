import { createServer, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { listenOnLoopback } from '@nomyo-internal/testing/network'
import type { LocalServer } from './local-servers.js'

const OHTTP = '/.well-known/ohttp-gateway'
const NONCE_BYTES = 32
const FORWARDED = ['content-type', 'authorization', 'x-payload-id', 'x-public-key']

/** The pieces of an answer of wire 2: its nonce, chunks with their lengths, the final chunk. */
interface Answer {
  readonly nonce: Buffer
  readonly chunks: readonly Buffer[]
  readonly final: Buffer
}

/** Chunks at the beginning of a stream that are left as they are. */
const UNCHANGED = 4

/** Changes the chunks of a stream from one place on. */
const inStream =
  (change: (chunks: readonly Buffer[], earlier: readonly Buffer[]) => readonly Buffer[]) =>
  ({ nonce, chunks, final }: Answer, earlier: Buffer): readonly Buffer[] => [
    nonce,
    ...chunks.slice(0, UNCHANGED),
    ...change(chunks.slice(UNCHANGED), piecesOf(earlier).chunks.slice(UNCHANGED)),
    final,
  ]

/** Changes of answers on the network path, by the first part of the path. */
const FAULTS: Readonly<Record<string, (answer: Answer, earlier: Buffer) => readonly Buffer[]>> = {
  pass: ({ nonce, chunks, final }) => [nonce, ...chunks, final],
  cut: ({ nonce, chunks }) => [nonce, ...chunks],
  swap: ({ nonce, chunks: [first, second, ...others], final }) => [
    nonce,
    second ?? final,
    first ?? final,
    ...others,
    final,
  ],
  double: ({ nonce, chunks, final }) => [nonce, ...chunks.slice(0, 1), ...chunks, final],
  drop: ({ nonce, chunks, final }) => [nonce, ...chunks.slice(1), final],
  // The final chunk for a part of the message.
  shorten: ({ nonce, chunks: [first = Buffer.of(0)] }) => [
    nonce,
    Buffer.of(0),
    first.subarray(widthOf(first)),
  ],
  replay: (_, earlier) => [earlier],
  'stream-cut': ({ nonce, chunks }) => [nonce, ...chunks.slice(0, UNCHANGED)],
  'stream-swap': inStream(([first = NONE, second = NONE, ...others]) => [second, first, ...others]),
  'stream-double': inStream(([first = NONE, ...others]) => [first, first, ...others]),
  'stream-drop': inStream((chunks) => chunks.slice(1)),
  'stream-again': ({ nonce, chunks, final }) => [nonce, ...chunks, ...chunks.slice(0, 1), final],
  'stream-foreign': inStream((chunks, [foreign = NONE]) => [foreign, ...chunks.slice(1)]),
  'stream-end': inStream(() => []),
  'stream-longer': ({ nonce, chunks, final }) => [nonce, ...chunks, final, Buffer.of(0)],
}

/** Stands for a chunk that an answer does not have. */
const NONE = Buffer.of(0)

/**
 * Starts a server that forwards to a gateway under `/{fault}`, and changes answers of wire 2. A `/{fault}` that
 * begins with `old` denies that the gateway has wire 2; `/{fault}/posts` counts the requests with bodies that came under this fault.
 */
export async function startMangler(gateway: string): Promise<LocalServer> {
  const posts = new Map<string, number>()
  let earlier = Buffer.alloc(0)
  const server = createServer((request, response) => {
    // For pages: any may read every answer.
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-headers', '*')
    response.setHeader('access-control-expose-headers', '*')
    if (request.method === 'OPTIONS') {
      response.writeHead(204).end()
      return
    }
    const [, fault = '', ...rest] = (request.url ?? '').split('/')
    const path = `/${rest.join('/')}`
    if (path === '/posts') {
      response.end(String(posts.get(fault) ?? 0))
      return
    }
    if (request.method === 'POST') posts.set(fault, (posts.get(fault) ?? 0) + 1)
    if (fault.startsWith('old') && path.startsWith('/pki/wire2')) {
      response.writeHead(404).end()
      return
    }
    void forward(request, gateway + path).then(
      ({ status, type, body }) => {
        const change = path === OHTTP && status === 200 ? FAULTS[fault] : undefined
        const changed = change === undefined ? body : Buffer.concat(change(piecesOf(body), earlier))
        if (change !== undefined) earlier = body
        response.writeHead(status, { 'content-type': type }).end(changed)
      },
      () => response.destroy(),
    )
  })
  return {
    url: `http://127.0.0.1:${await listenOnLoopback(server)}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function forward(request: IncomingMessage, url: string) {
  const names = FORWARDED.filter((name) => name in request.headers)
  const headers = Object.fromEntries(names.map((name) => [name, String(request.headers[name])]))
  const { method = 'GET' } = request
  const body = method === 'POST' ? { body: new Uint8Array(await buffer(request)) } : {}
  const answer = await fetch(url, { method, headers, ...body })
  return {
    status: answer.status,
    type: answer.headers.get('content-type') ?? '',
    body: Buffer.from(await answer.arrayBuffer()),
  }
}

const widthOf = (chunk: Buffer): number => 2 ** ((chunk[0] ?? 0) >> 6)

function piecesOf(body: Buffer): Answer {
  const chunks: Buffer[] = []
  for (let at = NONCE_BYTES; ;) {
    const chunk = body.subarray(at)
    const width = widthOf(chunk)
    const length = chunk
      .subarray(1, width)
      .reduce((sum, byte) => sum * 256 + byte, (chunk[0] ?? 0) & 63)
    if (length === 0 || at >= body.length) {
      return { nonce: body.subarray(0, NONCE_BYTES), chunks, final: chunk }
    }
    chunks.push(chunk.subarray(0, width + length))
    at += width + length
  }
}
