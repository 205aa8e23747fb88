import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { runProgram, type Environment } from '@nomyo-internal/command-line'
import { importPrivateKey, openJson, publicKeyToHeader, sealJson } from '@nomyo/crypto'
import {
  completionOf as completionFrom,
  makeKeyDir,
  startGatewayProcess,
  startModelServer,
  stopAfterTest,
  temporaryFolder,
  type Ended,
  type GatewayProcess,
  type GatewayProcessOptions,
  type ModelServer,
} from '@nomyo-internal/testing'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { afterAll, expect, onTestFinished, vi } from 'vitest'
import { program } from '../src/commands/program.js'
import type { GatewayConfig } from '../src/config/config.js'
import type { ErrorObject } from '../src/confidential-refusal.js'
import { gatewayConfig, readGatewaySettings } from '../src/config/load.js'
import { createGateway, type Gateway } from '../src/gateway.js'

/** Keys of the vectors: reading one is much quicker than generating one. */
const loadPair = (name: string) => importPrivateKey(keyPem(`keys/${name}.private.pem`))
export const serverKeys = await loadPair('server')
export const clientKeys = await loadPair('client')

/** A gateway in this process. */
export interface TestGateway extends Gateway {
  readonly port: number
  readonly keyDir: string
  /** Everything that it wrote so far, as lines of JSON. */
  log(): string
  /** Closes it and removes its key folder. */
  stop(): Promise<void>
}

export interface StartOptions {
  /** Words of the command line beside `--port 0`, `--key-dir` and `--rate-limit off`. Default: the demo engine. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Vector of the key that it serves. Default: `server`. */
  readonly serverKey?: string
  /** A folder of the test's own, which stays. */
  readonly keyDir?: string
  /** The key is in memory only; the key folder exists and is not named. */
  readonly ignoresKeyDir?: true
  /** Members that the command line cannot set, or not as low. */
  readonly config?: Partial<GatewayConfig>
}

/** Reads the settings of a start, as the program does. */
export const readConfig = (args: readonly string[], env: Environment = {}): GatewayConfig =>
  gatewayConfig(readGatewaySettings(args, env))

/** Starts a gateway in this process with the settings of a command line. */
export async function startGateway(options: StartOptions = {}): Promise<TestGateway> {
  const { args = ['--engine', 'demo'], env, serverKey = 'server' } = options
  const keyDir = options.keyDir ?? makeKeyDir({ 'private_key.pem': serverKey })
  const removeKeys = (): void => {
    if (options.keyDir === undefined) rmSync(keyDir, { recursive: true, force: true })
  }
  let log = ''
  const logStream = new Writable({
    decodeStrings: false,
    write: (line: string, _encoding, done) => {
      log += line
      done()
    },
  })
  // Tests send requests as fast as they can; those of the limit set it again, and the last one counts.
  const location = options.ignoresKeyDir === true ? [] : ['--key-dir', keyDir]
  // Tests count the requests at a single model server, which is first polled after an interval.
  const polls = ['--health-interval', '3600']
  const given = ['--port', '0', ...location, '--rate-limit', 'off', ...polls, ...args]
  try {
    const read = readConfig(given, env)
    // Shorter than the command line can set it.
    const keys = args.includes('--key-lead') ? read.keys : { ...read.keys, leadMs: 300 }
    const config = { ...read, keys, ...options.config }
    const gateway = await createGateway(config, { logStream })
    return Object.defineProperties(gateway as TestGateway, {
      port: { value: Number(new URL(gateway.url).port) },
      keyDir: { value: keyDir },
      log: { value: () => log },
      stop: {
        value: async () => {
          await gateway.close()
          removeKeys()
        },
      },
    })
  } catch (error) {
    removeKeys()
    throw error
  }
}

/** Starts a gateway for the tests of a file or group. */
export async function fileGateway(options?: StartOptions): Promise<TestGateway> {
  const gateway = await startGateway(options)
  afterAll(() => gateway.stop())
  return gateway
}

/** Starts a gateway for the time of one test. */
export const testGateway = async (options?: StartOptions): Promise<TestGateway> =>
  stopAfterTest(await startGateway(options))

/** Starts a gateway as a process of its own, for the time of one test. */
export const testGatewayProcess = async (
  options?: GatewayProcessOptions,
): Promise<GatewayProcess> => stopAfterTest(await startGatewayProcess(options))

/** Starts a model server for the time of one test. */
export const testModelServer = async (
  ...options: Parameters<typeof startModelServer>
): Promise<ModelServer> => stopAfterTest(await startModelServer(...options))

/** The completion "Hi" of a model server, as JSON. */
export const HI = completionFrom({ content: 'Hi' })

/** Makes a model server hold back its next completion, and waits for the request for it. */
export function holdAnswer(
  upstream: ModelServer,
  text = HI,
): { readonly arrived: Promise<void>; release(): void } {
  let release = (): void => undefined
  const arrived = new Promise<void>((resolve) => {
    upstream.answer = (response, { method }) => {
      if (method === 'GET') {
        response.end('{"data":[]}')
        return
      }
      release = () => response.end(text)
      resolve()
    }
  })
  return { arrived, release: () => release() }
}

/** Exit code and output of a command. */
export interface CommandRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `nomyo-gateway` in this process with these words and variables only; for anything but a start that succeeds. */
export async function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  { isTTY = false } = {},
): Promise<CommandRun> {
  const stdout = Object.assign(new PassThrough(), { isTTY })
  const [stdin, stderr] = [new PassThrough(), new PassThrough()]
  const code = await runProgram(program, args, { environment, stdin, stdout, stderr })
  // Node 26 gives what was written in parts.
  const textOf = (stream: PassThrough): string => {
    let text = ''
    for (let part = readPart(stream); part !== null; part = readPart(stream)) text += String(part)
    return text
  }
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) }
}

const readPart = (stream: PassThrough): Buffer | null => stream.read() as Buffer | null

/** A line of a command, or the message of a line of the log after its name. */
function messageOf(line: string): string {
  if (!line.startsWith('{')) return line
  const { name, msg } = JSON.parse(line) as { name: string; msg: string }
  return `${name}: ${msg}`
}

/** A failure is one sentence to a person, not a stack to a programmer; returns its last line. */
export function failureOf(
  { code, stdout, stderr }: Pick<Ended, keyof CommandRun>,
  expectedCode = 1,
): string {
  expect({ code, stdout }).toEqual({ code: expectedCode, stdout: '' })
  const said = stderr.trimEnd().split('\n').map(messageOf)
  expect(said.every((line) => line.startsWith('nomyo-gateway: '))).toBe(true)
  expect(stderr).not.toMatch(/^\s+at |\n\s+at |node:internal|\.[jt]s:\d/m)
  return said.at(-1) ?? ''
}

/** Runs `nomyo-gateway keys` with this file of API keys. */
export const runKeys = (file: string, ...args: string[]): Promise<CommandRun> =>
  runCommand(['keys', ...args, '--keys-file', file])

/** Adds an API key to a file, and returns it. */
export async function addApiKey(file: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runKeys(file, 'add', ...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.trimEnd()
}

/** A clock that a test moves by hand, with the timers of this process that are not Node's own. */
export function useFakeClock(): { advance(ms: number): void } {
  vi.useFakeTimers({
    toFake: [
      ...(['Date', 'performance'] as const),
      ...(['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const),
    ],
  })
  onTestFinished(() => void vi.useRealTimers())
  return { advance: (ms) => void vi.advanceTimersByTime(ms) }
}

/** A folder with key files of the vectors, for the time of one test or file. */
export const testKeyDir = (files?: Readonly<Record<string, string>>): string =>
  makeKeyDir(files, temporaryFolder())

/** Writes a file into a folder of its own, for the time of one test or file. */
export function temporaryFile(text: string, name = 'file'): string {
  const path = join(temporaryFolder(), name)
  writeFileSync(path, text)
  return path
}

/** The route of sealed requests. */
export const COMPLETIONS = '/v1/chat/secure_completion'

/** Response to a POST of sealed bytes. */
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
  const response = await fetch(gateway.url + COMPLETIONS, {
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

/** Encrypts a request to the key of the gateway and sends it. */
export const send = async (
  gateway: { readonly url: string },
  request: unknown = chat('Hello!'),
  headers: Readonly<Record<string, string | undefined>> = {},
  signal?: AbortSignal,
): Promise<Answer> => post(gateway, await seal(request), headers, signal)

export const statusOf = async (answer: Promise<Answer>): Promise<number> => (await answer).status

/** Reads a response of `node:http` to its end. */
export async function answerOf(response: IncomingMessage): Promise<Answer> {
  const given = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
  const bytes = new Uint8Array(await buffer(response))
  const headers = new Headers(given as [string, string][])
  return { status: response.statusCode ?? 0, headers, bytes }
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
  return answerOf(response)
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

export const seal = (request: unknown = chat('Hello!')): Promise<Uint8Array> =>
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
  return completionOf(await send(gateway, request, headers))
}

/** Decrypts an answer that must be a success, and returns the text of the assistant. */
export const contentOf = async (answer: Answer): Promise<string | null> =>
  (await completionOf(answer)).choices[0].message.content

/** Checks that the gateway answers a request with its own text. */
export const expectEcho = async (gateway: { readonly url: string }, text: string): Promise<void> =>
  expect(await contentOf(await send(gateway, chat(text)))).toBe(text)

/** Checks that an answer is a refusal of the documented shape with this status, and returns its text. */
export function refusalOf(answer: Answer, status = answer.status): string {
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  const { sealed_error: _sealed, ...body } = bodyOf(answer)
  expect(Object.keys(body)).toEqual(['detail'])
  expect(body['detail']).toBeTypeOf('string')
  return body['detail'] as string
}

/** Decrypts the error that a refusal carries beside its text; undefined where it carries none. */
export async function sealedErrorOf(
  answer: Answer,
): Promise<{ error: ErrorObject; _metadata: Record<string, unknown> } | undefined> {
  const { sealed_error: envelope } = bodyOf(answer)
  if (envelope === undefined) return undefined
  const bytes = new TextEncoder().encode(JSON.stringify(envelope))
  return (await openJson(bytes, clientKeys.privateKey)).value as never
}

const bodyOf = ({ bytes }: Answer): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>

/** Checks that the gateway still serves. */
export async function expectAlive(gateway: { readonly url: string }): Promise<void> {
  const health = await fetch(`${gateway.url}/health`)
  expect(health.status).toBe(200)
  expect(await health.json()).toEqual({ status: 'ok' })
}

/** Lines of a raw request, each with its end. */
export const httpLines = (...lines: readonly string[]): string =>
  lines.map((line) => `${line}\r\n`).join('')

/** The headers of a client, as lines of a raw request. */
export const clientLines = (): string =>
  httpLines(...Object.entries(clientHeaders()).map(([name, value]) => `${name}: ${value}`))

/** The head of a raw sealed request, with these header lines. */
export const completionHead = (...lines: readonly string[]): string =>
  httpLines(
    ...[`POST ${COMPLETIONS} HTTP/1.1`, 'host: x', 'connection: close'],
    ...['content-type: application/octet-stream', ...lines, ''],
  )

/** Connects to a gateway for the time of one test, and sends this at once. */
export async function testSocket(
  port: number,
  { from = '127.0.0.1', text = '' } = {},
): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from })
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  if (text !== '') socket.write(text)
  return socket
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

/** Log entries of a gateway, without its notices. */
export const logEntries = <T>(log: string): T[] =>
  log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as T)

/** The parts of a raw answer. */
export function parseRawAnswer(text: string): { status: number; headers: string; body: string } {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? Number.NaN)
  return { status, headers: head.toLowerCase(), body: rest.join('\r\n\r\n') }
}
