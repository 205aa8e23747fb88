import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { listenOnLoopback } from '@nomyo-internal/testing/network'

/** A server on loopback. */
export interface LocalServer {
  readonly url: string
  close(): void
}

/** Starts a server that gives every runtime the same faults, each under a path of its own. */
export async function startFaultServer(): Promise<LocalServer> {
  const bomb = gzipSync(new Uint8Array(10_000_000))
  const attempts = new Map<string, number>()
  let redirectsFollowed = 0
  const answers: Readonly<Record<string, Answer>> = {
    status: (response, status) =>
      response
        .writeHead(Number(status), { 'content-type': 'application/json', 'retry-after': '7' })
        .end('{"detail":"D-text"}'),
    bytes: (response, count) =>
      response
        .writeHead(200, {
          'content-type': 'application/octet-stream',
          'content-length': Number(count),
        })
        .end(new Uint8Array(Number(count))),
    echo: (response, _, request) => request.pipe(response),
    redirect: (response, what) => {
      if (what === 'asked') response.end(String(redirectsFollowed))
      else response.writeHead(302, { location: '/target' }).end()
    },
    target: (response) => {
      redirectsFollowed++
      response.end()
    },
    endless: (response) => {
      const pour = (): void => {
        while (!response.destroyed && response.write(new Uint8Array(65_536)));
      }
      response.on('drain', pour)
      pour()
    },
    bomb: (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    cut: (response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('half of it')
      setTimeout(() => response.destroy(), 50)
    },
    drop: (response) => response.destroy(),
    silent: () => undefined,
    stalled: (response) => response.writeHead(200, { 'content-length': 1000 }).write('a beginning'),
    'second-time': (response, name) => {
      const attempt = (attempts.get(name) ?? 0) + 1
      attempts.set(name, attempt)
      if (attempt === 1) response.writeHead(503, { 'retry-after': '0' }).end()
      else response.end(`attempt ${attempt}`)
    },
  }
  return listen((request, response) => {
    // For pages: any may read every answer.
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-headers', '*')
    response.setHeader('access-control-expose-headers', '*')
    response.on('error', () => undefined)
    const [, name = '', parameter = ''] = (request.url ?? '').split('/')
    if (request.method === 'OPTIONS') response.writeHead(204).end()
    else (answers[name] ?? nothing)(response, parameter, request)
  })
}

/** Starts a server of files in memory, by path. */
export function serveFiles(files: ReadonlyMap<string, string>): Promise<LocalServer> {
  return listen((request, response) => {
    const path = request.url ?? ''
    const text = files.get(path)
    if (text === undefined) return nothing(response)
    const type = /\.(\w+)$/.exec(path)?.[1] ?? 'html'
    response.writeHead(200, { 'content-type': TYPES[type] }).end(text)
  })
}

/** Finds a base URL on loopback without a server. */
export async function unusedUrl(): Promise<string> {
  const { url, close } = await listen(() => undefined)
  close()
  return url
}

type Answer = (response: ServerResponse, parameter: string, request: IncomingMessage) => unknown

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
}

const nothing = (response: ServerResponse): unknown => response.writeHead(404).end()

async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<LocalServer> {
  const server = createServer((request, response) => void answer(request, response))
  return {
    url: `http://127.0.0.1:${await listenOnLoopback(server)}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
