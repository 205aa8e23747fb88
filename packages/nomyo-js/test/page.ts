import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { listenOnLoopback } from '@nomyo-internal/testing'

/** The self-contained file, as it is published. */
export const browserFile = join(import.meta.dirname, '../dist/browser/index.js')

/** An HTTP server on a loopback port of its own. */
export interface LoopbackServer {
  readonly origin: string
  close(): Promise<void>
}

/**
 * Serves a page that loads the self-contained file, under a policy that allows it scripts of its own
 * origin and connections to `connectTo`, and nothing else.
 */
export async function servePage(connectTo: readonly string[]): Promise<LoopbackServer> {
  const files = new Map([
    ['/', { type: 'text/html', text: PAGE }],
    ['/page.js', { type: 'text/javascript', text: PAGE_SCRIPT }],
    ['/nomyo.js', { type: 'text/javascript', text: await readFile(browserFile, 'utf8') }],
  ])
  return listen((request, response) => {
    const file = files.get(request.url ?? '')
    if (file === undefined) {
      response.writeHead(404).end()
      return
    }
    response
      .writeHead(200, {
        'content-type': `${file.type}; charset=utf-8`,
        'content-security-policy': `default-src 'none'; script-src 'self'; connect-src ${connectTo.join(' ')}`,
      })
      .end(file.text)
  })
}

/** Relays to a gateway and changes one character of every encrypted answer. */
export async function serveTamperingRelay(gateway: () => string): Promise<LoopbackServer> {
  return listen((request, response) => {
    void relay(request, gateway()).then(async (answer) => {
      const { 'content-length': _, ...headers } = Object.fromEntries(answer.headers)
      response.writeHead(answer.status, headers).end(tampered(await answer.text()))
    })
  })
}

const PAGE = '<!doctype html><title>page</title><script type="module" src="/page.js"></script>'

/** The interface of the page to the tests: the exports, a function that returns errors, violations. */
const PAGE_SCRIPT = `
  import * as nomyo from '/nomyo.js'
  globalThis.nomyo = nomyo
  globalThis.violations = []
  document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
    violations.push(effectiveDirective)
  })
  globalThis.failureOf = async (call) => {
    try {
      await call()
    } catch (error) {
      const classes = Object.keys(nomyo).filter((name) => error instanceof nomyo[name])
      return { code: error.code, statusCode: error.statusCode, name: error.name, classes }
    }
    return undefined
  }`

async function relay(request: IncomingMessage, gateway: string): Promise<Response> {
  const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return fetch(gateway + (request.url ?? ''), {
    method: request.method ?? 'GET',
    headers: headers as Record<string, string>,
    body: chunks.length === 0 ? null : Buffer.concat(chunks),
  })
}

/** Replaces the first character of the ciphertext; leaves everything but envelopes unchanged. */
function tampered(text: string): string {
  return text.replace(/("ciphertext":")(.)/, (_, before: string, first: string) => {
    return before + (first === 'A' ? 'B' : 'A')
  })
}

async function listen(answer: RequestListener): Promise<LoopbackServer> {
  const server = createServer(answer)
  const port = await listenOnLoopback(server)
  return {
    origin: `http://127.0.0.1:${String(port)}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
