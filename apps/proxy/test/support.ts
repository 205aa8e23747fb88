import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { keyFile } from '@nomyo-internal/testing/vectors'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'

const PROXY = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const GATEWAY = fileURLToPath(new URL('main.js', import.meta.resolve('@nomyo/gateway')))

/** What callers of the proxy know, and what the proxy knows of the gateway. */
export const TOKEN = 'token-of-the-tests-0123456789'
export const API_KEY = 'api-key-of-the-tests-0123456789'

/** How a process ended, with everything it wrote. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A process that listens, or ends trying. */
export interface Run {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout(): string
  stderr(): string
  /** Where it listens. */
  ready(): Promise<string>
  stop(): Promise<Ended>
}

/** Runs a program of this workspace with these settings only. */
function run(main: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Run {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^NOMYO_|^HOME$|_proxy$/i.test(name),
  )
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(inherited), ...env },
    cwd,
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  }
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }))
  return {
    child,
    ended,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    ready: async () => {
      for (;;) {
        const url = /^listening on (\S+)$/m.exec(output.stdout)?.[1]
        if (url !== undefined) return url
        await Promise.race([once(child.stdout, 'data'), ended])
        if (child.exitCode !== null) throw new Error(`did not start: ${output.stderr}`)
      }
    },
    stop: async () => {
      child.kill('SIGTERM')
      const lastResort = setTimeout(() => child.kill('SIGKILL'), 30_000)
      const result = await ended
      clearTimeout(lastResort)
      return result
    },
  }
}

/** A folder that goes when the test, or the file outside of one, is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-proxy-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  if (expect.getState().currentTestName === undefined) afterAll(remove)
  else onTestFinished(remove)
  return folder
}

/** Runs the built proxy, which has the folder for its home. */
export function runProxy(
  args: readonly string[],
  env: NodeJS.ProcessEnv = { NOMYO_PROXY_TOKEN: TOKEN, NOMYO_API_KEY: API_KEY },
  folder = temporaryFolder(),
): Run {
  const proxy = run(PROXY, args, { HOME: folder, TMPDIR: folder, ...env }, folder)
  if (expect.getState().currentTestName !== undefined) {
    // One that starts where it should have failed must not outlive the test.
    onTestFinished(() => void proxy.child.kill('SIGKILL'))
  }
  return proxy
}

/** The arguments that lead to a gateway on loopback, on any free port. */
export const towards = (gateway: string): string[] => [
  ...['--gateway', gateway, '--allow-http', '--port', '0'],
]

/** Runs the built gateway with a key of the vectors. */
export function runGateway(args: readonly string[], serverKey = 'server', port = 0): Run {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'private_key.pem'), keyFile(`keys/${serverKey}.private.pem`), {
    mode: 0o600,
  })
  return run(
    GATEWAY,
    ['--port', String(port), '--key-dir', folder, '--rate-limit', 'off', ...args],
    { HOME: folder, NOMYO_API_KEY: API_KEY },
    folder,
  )
}

/** A gateway for the tests of a file; its address, once it listens. */
export function useGateway(
  args: () => readonly string[] = () => ['--engine', 'demo'],
): () => string {
  let url = ''
  let stop = (): Promise<unknown> => Promise.resolve()
  beforeAll(async () => {
    const gateway = runGateway(args())
    stop = gateway.stop
    url = await gateway.ready()
  })
  afterAll(() => stop())
  return () => url
}

/** A proxy for the tests of a file. */
export interface TestProxy {
  url: string
  run: Run
  readonly folder: string
}

/** Starts a {@link TestProxy} before the gateway that `gateway` names. */
export function useProxy(
  gateway: () => string,
  args: readonly string[] = [],
  env?: NodeJS.ProcessEnv,
): TestProxy {
  const proxy = { folder: temporaryFolder() } as TestProxy
  beforeAll(async () => {
    proxy.run = runProxy([...towards(gateway()), ...args], env, proxy.folder)
    proxy.url = await proxy.run.ready()
  })
  afterAll(() => proxy.run.stop())
  return proxy
}

/** A model server whose every answer is up to the test. */
export interface ModelServer {
  url: string
  /** The requests as the gateway opened them and passed them on. */
  readonly requests: Record<string, unknown>[]
  answer: (response: ServerResponse) => void
}

/** Starts a {@link ModelServer} for the tests of a file. */
export function useModelServer(): ModelServer {
  const model: ModelServer = { url: '', requests: [], answer: () => undefined }
  const server = createServer((incoming, response) => {
    const parts: Buffer[] = []
    incoming.on('data', (part: Buffer) => parts.push(part))
    incoming.on('end', () => {
      if (incoming.method === 'POST') {
        model.requests.push(JSON.parse(Buffer.concat(parts).toString()) as never)
        model.answer(response)
      } else response.end('{"object":"list","data":[{"id":"m"}]}')
    })
  })
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    model.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  return model
}

/** A completion as a model server writes it. */
export const completion = (message: Record<string, unknown>): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1767225600,
    model: 'm',
    choices: [
      {
        index: 0,
        finish_reason: 'stop',
        message: { role: 'assistant', refusal: null, ...message },
      },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
  })

/** What came back. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** One request with exactly these headers, on a connection of its own. */
export async function ask(
  url: string,
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string | Uint8Array
  } = {},
): Promise<Answer> {
  const outgoing = request(url, {
    method: options.method ?? 'GET',
    headers: options.headers ?? {},
    agent: false,
  })
  outgoing.end(options.body)
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(parts).toString(),
  }
}

/** The headers of a caller that may. */
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

/** Asks for a completion. */
export const complete = (
  proxy: { readonly url: string },
  body: string | Uint8Array = hello(),
  headers: Record<string, string> = {},
): Promise<Answer> =>
  ask(`${proxy.url}/v1/chat/completions`, { method: 'POST', headers: caller(headers), body })

/** Checks that an answer is an error in OpenAI's shape, and gives its code. */
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
