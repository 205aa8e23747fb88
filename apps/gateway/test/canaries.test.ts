import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { importPrivateKey, sealEnvelope } from '@nomyo/crypto'
import { saveKeyPair } from '@nomyo/crypto/keys/node'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import {
  isInstalled,
  runGateway,
  startGateway,
  startGatewayProcess,
  startModelServer,
  startRedis,
  stopAfterTest,
} from '@nomyo-internal/testing'
import '@nomyo-internal/testing/vector-keys'
import { createGateway } from '../src/gateway.js'
import {
  addApiKey,
  chat,
  completionOf,
  post,
  rawExchange,
  seal,
  serverKeys,
  testKeyDir,
  type Answer,
} from './support.js'
import { metricsUrl } from './measure.js'

/** Every secret that comes near a gateway, each to be told from all others. */
const secrets = Object.fromEntries(
  [
    ...['prompt', 'answer', 'tool', 'member', 'api key', 'wrong key', 'upstream key'],
    ...[
      'upstream error',
      'key password',
      'wrong password',
      'query',
      'header',
      'payload id',
      'body',
      'cookie',
    ],
  ].map((what) => [what, `canary-${randomBytes(12).toString('hex')}`]),
) as Record<string, string>
const secret = (what: string): string => secrets[what] ?? ''

const home = await mkdtemp(join(tmpdir(), 'nomyo-canaries-'))
const keysFile = join(home, 'api-keys.json')
const keyDir = join(home, 'keys')
const keyOf = (name: string): string => keyPem(`keys/${name}.private.pem`)

secrets['key of the file'] = await addApiKey(keysFile, '--name', 'one')
for (const [what, pem] of [
  ['server key', keyOf('server')],
  ['client key', keyOf('client')],
]) {
  // One line from the middle of each.
  secrets[what!] = pem!.split('\n')[20] ?? ''
}

const pair = await importPrivateKey(keyOf('server'), { extractable: true })
await saveKeyPair(keyDir, pair, { password: secret('key password') })
const passwordFile = join(home, 'password')
await writeFile(passwordFile, secret('key password'), { mode: 0o600 })

const redis = isInstalled('redis-server') ? await startRedis() : undefined
const upstream = await startModelServer()
const gateway = await startGatewayProcess({
  within: `cd ${home} && exec "$@"`,
  keyDir,
  env: { TMPDIR: home, NODE_ENV: 'development', DEBUG: '*', NODE_DEBUG: 'http,net' },
  args: [
    ...['--upstream', upstream.url, '--api-key', secret('api key'), '--keys-file', keysFile],
    ...['--metrics-port=0', '--log-level=debug', '--key-password-file', passwordFile],
    ...(redis === undefined ? [] : ['--redis', redis.url]),
  ].concat(['--upstream-key', secret('upstream key')]),
})
afterAll(async () => {
  await gateway.stop()
  await redis?.stop()
  upstream.stop()
  await rm(home, { recursive: true, force: true })
})

/** The secrets in a text, also where they stand in base64, hex or percent-encoded. */
function found(text: string): string[] {
  return Object.entries(secrets).flatMap(([what, value]) => {
    const bytes = Buffer.from(value)
    // Base64 of the same bytes at each of the three places they can begin at, without its edges.
    const base64 = [0, 1, 2].map((shift) =>
      Buffer.concat([Buffer.alloc(shift), bytes])
        .toString('base64')
        .slice(shift === 0 ? 0 : 4, -4),
    )
    const forms = [value, bytes.toString('hex'), encodeURIComponent(value), ...base64]
    const urlSafe = base64.map((one) => one.replaceAll('+', '-').replaceAll('/', '_'))
    return [...forms, ...urlSafe].some((form) => text.includes(form)) ? [what] : []
  })
}

const authorization = `Bearer ${secret('api key')}`
const plaintexts: string[] = []

/** Sends a request and keeps whatever of the answer can be read on the way. */
async function ask(
  body: Uint8Array | string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await post(gateway, body, { authorization, ...headers })
  plaintexts.push(new TextDecoder('latin1').decode(answer.bytes))
  plaintexts.push(JSON.stringify([...answer.headers]))
  return answer
}

const request = (members: Record<string, unknown> = {}): Promise<Uint8Array> =>
  seal(
    chat(secret('prompt'), {
      tools: [{ type: 'function', function: { name: secret('tool'), parameters: {} } }],
      [secret('member')]: 1,
      ...members,
    }),
  )

function answerWith(status: number, text: string, type = 'application/json'): void {
  upstream.answer = (response) => {
    response.writeHead(status, { 'content-type': type, 'x-canary': secret('upstream error') })
    response.end(text)
  }
}

const completion = JSON.stringify({
  object: 'chat.completion',
  choices: [{ message: { role: 'assistant', content: secret('answer') } }],
})

it('a way to find canaries finds them', () => {
  for (const [what, value] of Object.entries(secrets)) {
    expect(value.length, what).toBeGreaterThan(20)
    for (const form of [
      value,
      Buffer.from(value).toString('hex'),
      Buffer.from(`{"content":"${value}"}`).toString('base64'),
      Buffer.from(`x${value}yz`).toString('base64url'),
    ]) {
      expect(found(`…${form}…`), `${what}: ${form}`).toContain(what)
    }
  }
})

describe('what a gateway writes holds no secret', () => {
  it('after requests that are answered', async () => {
    answerWith(200, completion)
    const answer = await ask(await request(), { cookie: secret('cookie') })
    expect((await completionOf(answer)).choices[0].message.content).toBe(secret('answer'))
    const other = { authorization: `Bearer ${secret('key of the file')}` }
    expect((await ask(await request(), other)).status).toBe(200)
  })

  it.each([
    ['a wrong API key', 401, { authorization: `Bearer ${secret('wrong key')}` }],
    ['an API key elsewhere', 401, { authorization: `Basic ${secret('wrong key')}` }],
    ['a payload id with a blank', 400, { 'x-payload-id': `${secret('payload id')} x` }],
    ['a tier there is not', 400, { 'x-security-tier': secret('header') }],
    ['a public key that is none', 400, { 'x-public-key': secret('header') }],
    ['a private key instead', 400, { 'x-public-key': encodeURIComponent(keyOf('client')) }],
    ['another type', 415, { 'content-type': `text/plain; x=${secret('header')}` }],
    ['an encoding', 415, { 'content-encoding': secret('header') }],
  ] as const)('after a request with %s', async (_what, status, headers) => {
    expect((await ask(await request(), headers)).status).toBe(status)
  })

  it.each([
    ['is not sealed', () => JSON.stringify(chat(secret('body')))],
    ['is no chat', () => seal({ [secret('member')]: secret('prompt') })],
    ['has no messages', () => request({ messages: secret('prompt') })],
    ['is of no model', () => request({ model: [secret('prompt')] })],
    ['nests too deep', () => sealEnvelope(nested(secret('prompt')), serverKeys.publicKey)],
  ])('after a request that %s', async (_what, make) => {
    expect((await ask(await make())).status).toBe(400)
  })

  it.each([
    [400, 'a refusal', 400],
    [404, 'a refusal', 400],
    [429, 'a refusal', 429],
    [500, 'a refusal', 502],
    [200, `{"${secret('upstream error')}`, 502],
    [200, JSON.stringify([secret('upstream error')]), 502],
    [200, `{"error":"${secret('upstream error')}"}`, 502],
  ])('after an upstream that says %i and %s', async (given, text, expected) => {
    answerWith(given, text === 'a refusal' ? `{"detail":"${secret('upstream error')}"}` : text)
    expect((await ask(await request())).status).toBe(expected)
  })

  it('after what is no HTTP, and paths that are not there', async () => {
    for (const path of [`/${secret('query')}`, `/health?${secret('query')}`, '/v1/models']) {
      const headers = { authorization, 'x-canary': secret('header') }
      plaintexts.push(await (await fetch(gateway.url + path, { headers })).text())
    }
    plaintexts.push(await rawExchange(gateway.port, `${secret('header')}\r\n\r\n`))
    plaintexts.push(
      await rawExchange(gateway.port, `GET /${secret('query')}\x00 HTTP/1.1\r\nhost: x\r\n\r\n`),
    )
  })

  it('in answers without encryption', () => {
    expect(plaintexts.length).toBeGreaterThan(40)
    expect(found(plaintexts.join('\n'))).toEqual([])
  })

  it('in metrics', async () => {
    const text = await (await fetch(metricsUrl({ log: gateway.stderr }))).text()
    expect(text).toContain('nomyo_')
    expect(found(text)).toEqual([])
  })

  it.skipIf(redis === undefined)('in Redis', async () => {
    const client = new Redis(redis!.url)
    const keys = await client.keys('*')
    expect(keys.length).toBeGreaterThan(10)
    const values = await Promise.all(keys.map((key) => client.dumpBuffer(key)))
    client.disconnect()
    expect(found([...keys, ...values.map((value) => value.toString('latin1'))].join('\n'))).toEqual(
      [],
    )
  })

  it('on standard output and standard error, also when it ends', async () => {
    expect(found(gateway.output())).toEqual([])
    const { stdout, stderr } = await gateway.stop()
    expect(found(stdout + stderr)).toEqual([])
  })

  it('in files, but for those it was given', async () => {
    const names = await readdir(home, { recursive: true, withFileTypes: true })
    const files = names
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name))
    const given = [
      passwordFile,
      ...['private_key.pem', 'public_key.pem'].map((name) => join(keyDir, name)),
    ]
    expect(files.sort()).toEqual([...given, keysFile].sort())
    expect(found(await readFile(keysFile, 'utf8'))).toEqual([])
  })
})

it('an uncaught fault ends the gateway without its message in the output', async () => {
  const thrown = `setTimeout(() => { JSON.parse(${JSON.stringify(`x ${secret('prompt')}`)}) }, 1500)`
  const script = join(home, 'throw.mjs')
  await writeFile(script, thrown)
  const keyDir = testKeyDir({ 'private_key.pem': 'server' })
  const faulty = runGateway(['--engine', 'demo', '--port', '0', '--key-dir', keyDir], {
    env: { NODE_OPTIONS: `--import ${script}` },
  })
  const { code, stderr } = await faulty.ended
  expect(code).toBe(1)
  expect(stderr).toContain('SyntaxError')
  // A line of text before the log is there, JSON from then on.
  expect(stderr).toMatch(/(?:\\n|\n)\s+at .*throw\.mjs/)
  expect(found(stderr)).toEqual([])
})

describe('util.inspect shows no secret', () => {
  const settings = {
    engine: { kind: 'openai', baseUrl: upstream.url, apiKey: secret('upstream key') },
    apiKeys: [secret('api key')],
  } as const
  const show = (value: unknown): string =>
    inspect(value, { depth: 30, showHidden: true, getters: true, maxStringLength: null })

  it('of a gateway', async () => {
    const running = await startGateway(createGateway, { ...settings, keysFile })
    stopAfterTest(running)
    expect(found(show(running))).toEqual([])
  })

  it.each([
    ['of a refused password', { keys: { password: secret('wrong password') }, keyDir }],
    ['of an address that is taken', { host: '203.0.113.7' }],
    ['of a keys file', { keysFile: passwordFile }],
    ['of TLS files', { tls: { certFile: passwordFile, keyFile: join(keyDir, 'private_key.pem') } }],
  ])('of an error: %s', async (_what, config) => {
    const started = startGateway(createGateway, { ...settings, keyDir: undefined, ...config })
    const error: unknown = await started.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(Error)
    expect(found(show(error))).toEqual([])
  })
})

const nested = (text: string): Uint8Array =>
  new TextEncoder().encode(`${'['.repeat(300)}"${text}"${']'.repeat(300)}`)
