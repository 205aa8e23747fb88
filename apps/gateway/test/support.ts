import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, get as httpGet, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { importPrivateKey, openJson, publicKeyToHeader, sealJson } from '@nomyo/crypto'
import { keyFile, keyPem } from '@nomyo-internal/testing/vectors'
import { expect, onTestFinished } from 'vitest'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** Keys of the vectors: reading one is much quicker than making one. */
const loadPair = (name: string) => importPrivateKey(keyPem(`keys/${name}.private.pem`))
export const serverKeys = await loadPair('server')
export const clientKeys = await loadPair('client')

/** How a gateway process ended, with everything it wrote. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A gateway running as a process of its own. */
export interface GatewayProcess {
  readonly url: string
  readonly port: number
  readonly keyDir: string
  readonly pid: number
  /** All of standard output and standard error so far. */
  output(): string
  stderr(): string
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<Ended>
  /** Ends it and removes its key folder. */
  stop(): Promise<Ended>
}

export interface StartOptions {
  /** Beside `--port 0` and `--key-dir`. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The key of the vectors it serves. */
  readonly serverKey?: string
  /** A folder of the test's own, left where it is. */
  readonly keyDir?: string
  /** The key is in memory only; the key folder exists and is not named. */
  readonly ignoresKeyDir?: true
  /** A shell script to start it in, where it is "$@": for limits and redirections. */
  readonly within?: string
}

/** Starts the built gateway, by default with the demo engine, and waits until it listens. */
export async function startGateway(options: StartOptions = {}): Promise<GatewayProcess> {
  const { args = ['--engine', 'demo'], env = {}, serverKey = 'server', within } = options
  const keyDir = options.keyDir ?? (await makeKeyDir({ 'private_key.pem': serverKey }))
  // Tests ask as fast as they can; those of the limit say so again, and the last one counts.
  const quick = ['--rate-limit', 'off', '--key-lead', '2s']
  const location = options.ignoresKeyDir === true ? [] : ['--key-dir', keyDir]
  const given = ['--port', '0', ...location, ...quick, ...args]
  const run = runGateway(given, env, within)
  const removeKeyDir = async (): Promise<void> => {
    if (options.keyDir === undefined) await rm(keyDir, { recursive: true, force: true })
  }
  const url = await Promise.race([readyUrl(run), run.ended.then(() => undefined)])
  if (url === undefined) {
    await removeKeyDir()
    throw new Error(`the gateway did not start: ${run.stderr()}`)
  }
  return {
    ...run,
    url,
    port: Number(new URL(url).port),
    keyDir,
    pid: run.child.pid ?? 0,
    output: () => run.stdout() + run.stderr(),
    stop: async () => {
      run.kill('SIGTERM')
      // One that hangs must not outlive the tests.
      const lastResort = setTimeout(() => {
        run.kill('SIGKILL')
      }, 10_000)
      const ended = await run.ended
      clearTimeout(lastResort)
      await removeKeyDir()
      return ended
    },
  }
}

/** The same for the time of one test. */
export async function testGateway(options: StartOptions = {}): Promise<GatewayProcess> {
  const gateway = await startGateway(options)
  onTestFinished(async () => {
    await gateway.stop()
  })
  return gateway
}

/** A gateway process, whether it gets as far as listening or not. */
interface Run {
  readonly stdout: () => string
  readonly stderr: () => string
  readonly kill: (signal: NodeJS.Signals) => void
  readonly ended: Promise<Ended>
  readonly child: ChildProcessByStdio<null, Readable, Readable>
}

/** Runs the built gateway with these arguments only and no setting of the environment. */
export function runGateway(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  within = 'exec "$@"',
): Run {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('NOMYO_'))
  const child = spawn('sh', ['-c', within, 'sh', process.execPath, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(inherited), ...env },
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  }
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    ...output,
  }))
  return {
    child,
    ended,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    kill: (signal) => void child.kill(signal),
  }
}

async function readyUrl(run: Run): Promise<string> {
  for (;;) {
    const url = /^listening on (\S+)$/m.exec(run.stdout())?.[1]
    if (url !== undefined) return url
    await once(run.child.stdout, 'data')
  }
}

/** A folder that holds key files of the vectors under these names. */
export async function makeKeyDir(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'nomyo-gateway-'))
  await chmod(folder, 0o700)
  for (const [name, vector] of Object.entries(files)) {
    const path = vector.endsWith('.pem') ? vector : `${vector}.private.pem`
    await writeFile(join(folder, name), keyFile(`keys/${path}`), { mode: 0o600 })
  }
  return folder
}

/** What came back from a POST of sealed bytes. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
}

/** The headers a client sends, with another payload id each time. */
export const clientHeaders = (): Record<string, string> => ({
  'content-type': 'application/octet-stream',
  'x-payload-id': randomUUID(),
  'x-public-key': publicKeyToHeader(clientKeys.publicKey),
})

/** Posts bytes with the headers of a client; an undefined header is left out. */
export async function post(
  gateway: { readonly url: string },
  body: Uint8Array | string,
  headers: Readonly<Record<string, string | undefined>> = {},
  signal?: AbortSignal,
): Promise<Answer> {
  const given = Object.entries({ ...clientHeaders(), ...headers })
  const response = await fetch(`${gateway.url}/v1/chat/secure_completion`, {
    method: 'POST',
    headers: given.filter((header): header is [string, string] => header[1] !== undefined),
    body: body as BodyInit,
    ...(signal === undefined ? {} : { signal }),
  })
  return {
    status: response.status,
    headers: response.headers,
    bytes: new Uint8Array(await response.arrayBuffer()),
  }
}

/** A GET on a connection of its own, from this address. */
export async function get(
  gateway: { readonly url: string },
  path: string,
  options: { readonly from?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { from = '127.0.0.1', headers = {} } = options
  const request = httpGet(gateway.url + path, { localAddress: from, headers, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  const given = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
  return {
    status: response.statusCode ?? 0,
    headers: new Headers(given as [string, string][]),
    bytes: new Uint8Array(Buffer.concat(parts)),
  }
}

/** A chat completion as far as the tests look into it. */
export interface Completion {
  readonly object: string
  readonly model: string
  readonly system_fingerprint: string
  readonly choices: readonly [
    {
      readonly finish_reason: string
      readonly message: { readonly content: string | null; readonly tool_calls?: ToolCall[] }
    },
  ]
  readonly usage: Record<string, number>
  readonly _metadata: Record<string, unknown>
}

export interface ToolCall {
  readonly id: string
  readonly type: string
  readonly function: { readonly name: string; readonly arguments: string }
}

export const seal = (request: unknown): Promise<Uint8Array> =>
  sealJson(request, serverKeys.publicKey)

export const chat = (content: unknown, members: Record<string, unknown> = {}): object => ({
  model: 'nomyo/echo',
  messages: [{ role: 'user', content }],
  ...members,
})

/** Opens an answer that must be a success. */
export async function completionOf({ status, bytes }: Answer): Promise<Completion> {
  expect({ status, detail: status === 200 ? '' : new TextDecoder().decode(bytes) }).toEqual({
    status: 200,
    detail: '',
  })
  return (await openJson(bytes, clientKeys.privateKey)).value as unknown as Completion
}

/** Seals a request, sends it and opens the answer. */
export async function complete(
  gateway: { readonly url: string },
  request: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Completion> {
  return completionOf(await post(gateway, await seal(request), headers))
}

/** Checks that an answer is a refusal of the documented shape, and gives its text. */
export function refusalOf(answer: Answer): string {
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  const body = JSON.parse(new TextDecoder().decode(answer.bytes)) as { detail: unknown }
  expect(Object.keys(body)).toEqual(['detail'])
  expect(body.detail).toBeTypeOf('string')
  return body.detail as string
}

/** Whether the gateway still serves: its health, and a sealed request with its own content. */
export async function expectAlive(gateway: GatewayProcess): Promise<void> {
  const health = await fetch(`${gateway.url}/health`)
  expect(health.status).toBe(200)
  expect(await health.json()).toEqual({ status: 'ok' })
}

/** Sends raw bytes and gives all that comes back until the connection ends or falls silent. */
export async function rawExchange(
  port: number,
  bytes: Uint8Array | string,
  options: { readonly halfClose?: boolean } = {},
): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  socket.setEncoding('latin1').on('data', (part: string) => (text += part))
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(bytes)
  if (options.halfClose === true) socket.end()
  await new Promise<void>((resolve) => {
    socket.on('end', resolve).on('close', () => resolve())
    socket.setTimeout(5000, resolve)
  })
  socket.destroy()
  return text
}

/** The parts of a raw answer. */
export function parseRawAnswer(text: string): { status: number; headers: string; body: string } {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? Number.NaN)
  return { status, headers: head.toLowerCase(), body: rest.join('\r\n\r\n') }
}

/** One request as the model server saw it. */
export interface Seen {
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly socket: Socket
}

/** A model server on loopback whose every answer is up to the test. */
export interface Upstream {
  readonly url: string
  readonly seen: Seen[]
  answer: (response: ServerResponse, seen: Seen) => void
  close(): void
}

export async function startUpstream(): Promise<Upstream> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const seen = { url: request.url, headers: request.headers, body, socket: request.socket }
      upstream.seen.push(seen)
      upstream.answer(response, seen)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const upstream: Upstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    seen: [],
    answer: (response) => response.end('{}'),
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return upstream
}
