import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { readSettings, runProgram } from '@nomyo-internal/command-line'
import {
  shared,
  startGateway,
  startChatModel,
  startProgram,
  stopAfterTest,
  streamWhole,
  temporaryFolder,
  type InProcess,
  type Program,
} from '@nomyo-internal/testing'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { formatPolicyFile } from '@nomyo/attest/policy-file'
import { importPublicKey } from '@nomyo/crypto'
import { createGateway, type Gateway, type GatewayConfig } from '@nomyo/gateway'
import '@nomyo-internal/testing/vector-keys'
import { expect } from 'vitest'
import { proxyCommand } from '../src/command.js'
import { configOf, type ProxyConfig } from '../src/config/config.js'
import { OPTIONS } from '../src/config/options.js'
import { createProxyLog } from '../src/log.js'
import { createProxy, type Proxy } from '../src/proxy.js'

export const MAIN = fileURLToPath(new URL('../bin/nomyo-proxy.js', import.meta.url))

/** Token of callers, and API key for the gateway. */
export const TOKEN = 'token-of-the-tests-0123456789'
export const API_KEY = 'api-key-of-the-tests-0123456789'
export const SECRETS = { NOMYO_PROXY_TOKEN: TOKEN, NOMYO_API_KEY: API_KEY }

/** Fingerprint of the key of every gateway. */
export const { fingerprint } = await importPublicKey(keyPem('keys/server.public.pem'))

/** Starts a gateway in this process that requires {@link API_KEY}. */
export const newGateway = (settings: Partial<GatewayConfig> = {}): Promise<InProcess<Gateway>> =>
  startGateway(createGateway, { apiKeys: [API_KEY], maxBodyBytes: 16 * 2 ** 20, ...settings })

/** Starts a gateway for the tests of a file; returns a getter for its URL. */
export function useGateway(settings: () => Partial<GatewayConfig> = () => ({})): () => string {
  const gateway = shared(() => newGateway(settings()))
  return () => gateway().url
}

/** Arguments for a gateway on loopback, and any free port. */
export const argsFor = (gateway: string): string[] => [
  ...['--gateway', gateway, '--allow-http', '--port', '0'],
]

/** Reads the settings of a proxy. */
export const readConfig = (
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  isTerminal = false,
): ProxyConfig => configOf(readSettings(OPTIONS, { args, environment }), environment, isTerminal)

/** A proxy in this process. */
export interface TestProxy extends Proxy {
  /** Its home. */
  readonly folder: string
  /** Log so far. */
  readonly log: () => string
  stop(): Promise<void>
}

/** Starts a proxy in this process. Without a folder, its home is a new one. */
export async function newProxy(
  gateway: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = SECRETS,
  home?: string,
): Promise<TestProxy> {
  const folder = home ?? mkdtempSync(join(tmpdir(), 'nomyo-proxy-'))
  let lines = ''
  const config = readConfig([...argsFor(gateway), ...args], { HOME: folder, ...env })
  const stream = { write: (line: string) => (lines += line) }
  const log = createProxyLog({ level: config.logLevel, format: 'text', stream })
  const proxy = await createProxy(config, log)
  const stop = async (): Promise<void> => {
    await proxy.close()
    if (home === undefined) rmSync(folder, { recursive: true })
  }
  return { ...proxy, folder, log: () => lines, stop }
}

/** Starts a proxy for the current test. */
export const testProxy = async (...settings: Parameters<typeof newProxy>): Promise<TestProxy> =>
  stopAfterTest(await newProxy(...settings))

/** Runs the command of the proxy in this process, for starts that fail. */
export async function runProxy(
  args: readonly string[],
  env: NodeJS.ProcessEnv = SECRETS,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const program = { name: 'nomyo-proxy', version: '0.0.0', command: proxyCommand }
  const code = await runProgram(program, args, { environment: env, stdin, stdout, stderr })
  return { code, stdout: await text(stdout.end()), stderr: await text(stderr.end()) }
}

/** Starts the built proxy as a process with the folder as its home, and waits until it listens. */
export async function startProxyProcess(
  args: readonly string[],
  folder: string,
  env: NodeJS.ProcessEnv = SECRETS,
): Promise<Program & { readonly url: string }> {
  const NODE_OPTIONS = `--import=${import.meta.resolve('@nomyo-internal/testing/vector-keys')}`
  const options = { env: { HOME: folder, TMPDIR: folder, NODE_OPTIONS, ...env }, cwd: folder }
  const program = stopAfterTest(startProgram(process.execPath, [MAIN, ...args], options))
  return { ...program, url: await program.prints(/^listening on (\S+)$/m) }
}

/** A model server with one model, whose completions the test decides. */
export interface TestModel {
  readonly engine: () => Pick<GatewayConfig, 'engine'>
  /** Bodies of the completions requested so far. */
  readonly requests: Record<string, unknown>[]
  complete: (response: ServerResponse) => void
}

/** Starts a model server for the tests of a file. */
export function useModel(): TestModel {
  const model: TestModel = {
    engine: () => ({ engine: { kind: 'openai', baseUrl: server().url, apiKey: undefined } }),
    requests: [],
    complete: () => undefined,
  }
  const server = shared(() =>
    startChatModel((response, { body }) => {
      const request = JSON.parse(body) as Record<string, unknown>
      model.requests.push(request)
      if (request['stream'] === true) streamWhole(response)
      model.complete(response)
    }),
  )
  return model
}

/** One response. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** Sends one request with exactly these headers, on a connection of its own. */
export async function ask(
  url: string,
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string | Uint8Array
  } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = options
  const outgoing = request(url, { method, headers, agent: false })
  outgoing.end(body)
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: await text(response),
  }
}

/** Headers of a caller with the token. */
export const caller = (more: Record<string, string> = {}): Record<string, string> => ({
  authorization: `Bearer ${TOKEN}`,
  'content-type': 'application/json',
  ...more,
})

export const hello = (members: Record<string, unknown> = {}): string =>
  JSON.stringify({
    model: 'nomyo/echo',
    messages: [{ role: 'user', content: 'Hello!' }],
    ...members,
  })

/** Requests a completion. */
export const complete = (
  proxy: { readonly url: string },
  body: string | Uint8Array = hello(),
  headers: Record<string, string> = {},
): Promise<Answer> =>
  ask(`${proxy.url}/v1/chat/completions`, { method: 'POST', headers: caller(headers), body })

/** The bytes of a request for a completion. */
export function rawCompletion(body = hello()): string {
  const headers = Object.entries({ host: 'localhost', ...caller() })
  return (
    'POST /v1/chat/completions HTTP/1.1\r\n' +
    headers.map(([name, value]) => `${name}: ${value}\r\n`).join('') +
    `content-length: ${body.length}\r\n\r\n${body}`
  )
}

/** Checks that an answer is an error in OpenAI's shape; returns its code. */
export function refusalCode(answer: Answer, status: number): string {
  expect(answer.status).toBe(status)
  expect(answer.headers['content-type']).toMatch(/^application\/json/)
  const { error } = JSON.parse(answer.body) as { error: Record<string, unknown> }
  expect(error).toEqual({
    message: expect.any(String),
    type: expect.any(String),
    param: null,
    code: expect.any(String),
  })
  return String(error['code'])
}

/** Options of a policy that pins this attestation key. */
export function policyArgs(akName: string): string[] {
  const path = join(temporaryFolder(), 'policy.json')
  const policy = { requiredPcrs: 'sha256:0,7,10', pinnedAkNames: [akName] }
  writeFileSync(path, formatPolicyFile(policy))
  return ['--policy', path]
}
