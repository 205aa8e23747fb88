import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { stopAfterTest, temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { gatewayConfig, readGatewaySettings } from '../src/config/load.js'
import { rereadConfig } from '../src/config/reread.js'
import { createGateway, type Gateway } from '../src/gateway.js'
import {
  addApiKey,
  chat,
  completionOf,
  holdAnswer,
  logEntries,
  runKeys,
  send,
  statusOf,
  temporaryFile,
  testKeyDir,
  testModelServer,
} from './support.js'

/** A gateway whose settings are a file, as `nomyo-gateway --config` starts it. */
interface FromFile extends Gateway {
  readonly file: string
  readonly folder: string
  write(text: string): void
  log(): string
}

/** Starts a gateway with a config file, and with flags that override it. */
async function startFromFile(text: string, flags: readonly string[] = []): Promise<FromFile> {
  const folder = temporaryFolder()
  const file = join(folder, 'gateway.yaml')
  const write = (content: string): void => {
    writeFileSync(file, content.replaceAll('FOLDER', folder))
  }
  const keyDir = testKeyDir({ 'private_key.pem': 'server' })
  let log = ''
  const logStream = new Writable({
    decodeStrings: false,
    write: (line: string, _encoding, done) => {
      log += line
      done()
    },
  })
  write(text)
  const settings = readGatewaySettings(
    ['--config', file, '--port', '0', '--key-dir', keyDir, ...flags],
    { CALLER_KEY: KEY, OTHER_KEY },
  )
  const gateway = await createGateway(gatewayConfig(settings), {
    logStream,
    readConfig: () => rereadConfig(settings),
  })
  stopAfterTest({ stop: () => gateway.close() })
  return Object.assign(gateway, { file, folder, write, log: () => log })
}

const KEY = 'canary-key-0123456789'
const OTHER_KEY = 'canary-other-0123456789'
const OPEN = 'engine: demo\nrateLimit: off\n'

/** Status of a request with this key. */
const statusWith = (gateway: Gateway, key: string, members = {}): Promise<number> =>
  statusOf(send(gateway, chat('x', members), { authorization: `Bearer ${key}` }))

describe('a reload', () => {
  it('that finds nothing new changes nothing', async () => {
    const gateway = await startFromFile(OPEN)
    expect(await gateway.reload()).toEqual({ status: 'reloaded', changed: [], needsRestart: [] })
    expect(logEntries<{ msg: string }>(gateway.log()).at(-1)?.msg).toBe('reloaded: nothing changed')
  })

  it('changes limits, tiers and the log level', async () => {
    const gateway = await startFromFile(`${OPEN}apiKey: [{ env: CALLER_KEY }]`)
    for (let i = 0; i < 3; i++) expect(await statusWith(gateway, KEY)).toBe(200)
    gateway.write(
      'engine: demo\napiKey: [{ env: CALLER_KEY }]\nrateLimit: 1/s\nrateBurst: 1\nquotaRequests: 2000/day\nmaxQueue: 5\nmaxConnections: 50\n' +
        'requestTimeout: 30s\nlogLevel: debug\ntiers:\n  standard: { models: [other] }\n',
    )
    const report = await gateway.reload()
    expect(report).toMatchObject({ status: 'reloaded', needsRestart: [] })
    expect(report.changed.map((text) => text.split(' ')[0]).sort()).toEqual([
      ...[
        'logLevel',
        'maxConnections',
        'maxQueue',
        'quotas',
        'rateLimit',
        'requestTimeout',
        'tiers',
      ],
    ])
    const statuses = [await statusWith(gateway, KEY), await statusWith(gateway, KEY)]
    expect(statuses).toEqual([403, 429])
  })

  it('changes the rules of requests', async () => {
    const gateway = await startFromFile(OPEN)
    expect(await statusOf(send(gateway, chat('x', { n: 3 })))).toBe(200)
    gateway.write(`${OPEN}requests: { maxChoices: 2 }`)
    expect(await gateway.reload()).toMatchObject({ changed: ['requests'], needsRestart: [] })
    expect(await statusOf(send(gateway, chat('x', { n: 3 })))).toBe(400)
  })

  it('adds, changes and revokes API keys, and says which, without their values', async () => {
    const gateway = await startFromFile(
      `${OPEN}apiKey: [{ env: CALLER_KEY }]\nkeysFile: FOLDER/keys`,
      [],
    ).catch((error: unknown) => error)
    // The file does not exist yet.
    expect(gateway).toMatchObject({ code: 'ERR_API_KEYS_FILE' })
    const started = await startFromFile(`${OPEN}apiKey: [{ env: CALLER_KEY }]`)
    const keys = join(started.folder, 'keys')
    const alice = await addApiKey(keys, '--name', 'alice')
    started.write(`${OPEN}apiKey: [{ env: CALLER_KEY }]\nkeysFile: ${keys}`)
    expect((await started.reload()).changed).toEqual(['API keys (added alice)'])
    expect(await statusWith(started, alice)).toBe(200)
    expect(await statusWith(started, KEY)).toBe(200)
    const bob = await addApiKey(keys, '--name', 'bob')
    await runKeys(keys, 'revoke', 'alice')
    started.write(`${OPEN}apiKey: [{ env: OTHER_KEY }]\nkeysFile: ${keys}`)
    expect((await started.reload()).changed).toEqual([
      'API keys (added bob; removed alice; changed --api-key 1)',
    ])
    expect(await statusWith(started, alice)).toBe(401)
    expect(await statusWith(started, KEY)).toBe(401)
    expect(await statusWith(started, bob)).toBe(200)
    expect(await statusWith(started, OTHER_KEY)).toBe(200)
    expect((await started.reload()).changed).toEqual([])
    expect(started.log()).not.toMatch(/canary|nomyo_sk_/)
  })

  it('reports access rights and tiers that cannot be met, as the start does', async () => {
    const gateway = await startFromFile(OPEN)
    const keys = temporaryFile('{"version":1,"keys":[]}')
    chmodSync(keys, 0o666)
    gateway.write(
      `${OPEN}keysFile: ${keys}\ntiers: { standard: {}, high: { requireAttestation: true } }\n`,
    )
    expect(await gateway.reload()).toMatchObject({ status: 'reloaded' })
    const warnings = logEntries<{ level: number; msg: string }>(gateway.log())
      .filter(({ level }) => level === 40)
      .map(({ msg }) => msg)
    expect(warnings.some((text) => text.includes('0666'))).toBe(true)
    expect(warnings.some((text) => text.includes('refuses all high requests'))).toBe(true)
  })

  it('yields to flags, as the start does', async () => {
    const gateway = await startFromFile(`${OPEN}maxQueue: 7`, ['--max-queue', '9'])
    gateway.write(`${OPEN}maxQueue: 8`)
    expect((await gateway.reload()).changed).toEqual([])
  })

  it('names settings that need a restart, and changes the others', async () => {
    const gateway = await startFromFile(OPEN)
    gateway.write(
      `${OPEN}host: 127.0.0.2\nlogFormat: text\nmaxBody: 1MiB\nmaxOpens: 1\nmetricsPort: 0\nmaxRequests: 5\nacceptLegacyTag: true`,
    )
    const expected = {
      status: 'reloaded',
      needsRestart: [
        'acceptLegacyTag',
        'host',
        'logFormat',
        'maxBody',
        'maxOpens',
        'metricsPort or metricsHost',
      ],
    }
    const { needsRestart, ...first } = await gateway.reload()
    expect({ ...first, needsRestart: [...needsRestart].sort() }).toMatchObject(expected)
    expect(first.changed).toContain('maxRequests')
    // Until the restart, every reload names them.
    const again = await gateway.reload()
    expect({ ...again, needsRestart: [...again.needsRestart].sort() }).toMatchObject(expected)
    expect(again.changed).toEqual([])
    expect(await statusOf(send(gateway))).toBe(200)
  })
})

describe('a reload takes no protection away', () => {
  it.each([
    ['API keys', 'apiKey: [{ env: CALLER_KEY }]', 401],
    ['tiers', 'tiers: { standard: { models: [other] } }', 403],
  ])('it fails for settings without %s', async (_what, protection, status) => {
    const gateway = await startFromFile(`${OPEN}${protection}`)
    gateway.write(`${OPEN}maxQueue: 1`)
    expect(await gateway.reload()).toMatchObject({ status: 'failed', code: 'ERR_RELOAD' })
    expect(await statusOf(send(gateway))).toBe(status)
    gateway.write(`${OPEN}${protection}`)
    expect(await gateway.reload()).toMatchObject({ status: 'reloaded', changed: [] })
  })

  it('keys become required at once where none were', async () => {
    const gateway = await startFromFile(OPEN)
    gateway.write(`${OPEN}apiKey: [{ env: CALLER_KEY }]`)
    expect(await gateway.reload()).toMatchObject({
      changed: ['API keys are required', 'API keys (added --api-key 1)'],
    })
    expect(await statusOf(send(gateway))).toBe(401)
    expect(await statusWith(gateway, KEY)).toBe(200)
  })
})

describe('a reload that fails changes nothing', () => {
  /** Settings that would be changed if the rest of the file were in order. */
  const CHANGES = `${OPEN}apiKey: [{ env: OTHER_KEY }]\nmaxQueue: 1\ntiers: { standard: { models: [other] } }\n`

  it.each([
    ['broken YAML', `${CHANGES}upstreams: [`, 'ERR_CONFIG'],
    ['an unknown member', `${CHANGES}canaryMember: 1`, 'ERR_CONFIG'],
    ['a wrong value', `${CHANGES}maxRequests: canary`, 'ERR_CONFIG'],
    ['members that exclude each other', `${CHANGES}rateBurst: 3`, 'ERR_CONFIG'],
    ['a secret that is missing', `${CHANGES}upstreamKey: { env: NOWHERE }`, 'ERR_CONFIG'],
    ['an empty file', '', 'ERR_CONFIG'],
    ['a missing file of keys', `${CHANGES}keysFile: FOLDER/none`, 'ERR_API_KEYS_FILE'],
    ['a broken file of keys', `${CHANGES}keysFile: FOLDER/gateway.yaml`, 'ERR_API_KEYS_FILE'],
    ['a file of keys that is no file', `${CHANGES}keysFile: FOLDER/pipe`, 'ERR_CONFIG'],
  ])('%s', async (_what, text, code) => {
    const gateway = await startFromFile(`${OPEN}apiKey: [{ env: CALLER_KEY }]`)
    execFileSync('mkfifo', [join(gateway.folder, 'pipe')])
    gateway.write(text)
    expect(await gateway.reload()).toEqual({
      status: 'failed',
      changed: [],
      needsRestart: [],
      code,
    })
    const line = logEntries<Record<string, unknown>>(gateway.log()).at(-1)
    expect(line).toMatchObject({ level: 50, code, detail: expect.any(String) as string })
    expect(await statusWith(gateway, KEY)).toBe(200)
    expect(await statusWith(gateway, OTHER_KEY)).toBe(401)
    expect(gateway.log().replaceAll('canaryMember', '')).not.toContain('canary')
    // The next file is read as if there had been none.
    gateway.write(CHANGES)
    expect(await gateway.reload()).toMatchObject({ status: 'reloaded' })
    expect(await statusWith(gateway, OTHER_KEY)).toBe(403)
  })

  it('a config file that is gone, or a pipe', async () => {
    const gateway = await startFromFile(OPEN)
    rmSync(gateway.file)
    expect(await gateway.reload()).toMatchObject({ status: 'failed', code: 'ERR_CONFIG' })
    execFileSync('mkfifo', [gateway.file])
    expect(await gateway.reload()).toMatchObject({ status: 'failed', code: 'ERR_CONFIG' })
    expect(await statusOf(send(gateway))).toBe(200)
  })

  it('one that comes while the gateway stops', async () => {
    const gateway = await startFromFile(OPEN)
    gateway.write(`${OPEN}maxQueue: 1`)
    const closed = gateway.close()
    expect(await gateway.reload()).toMatchObject({ status: 'failed', code: 'ERR_CLOSED' })
    await closed
    expect(await gateway.reload()).toMatchObject({ status: 'failed', code: 'ERR_CLOSED' })
  })

  it('several at once are made one after the other, and those that wait are made as one', async () => {
    const gateway = await startFromFile(OPEN)
    gateway.write(`${OPEN}maxQueue: 1`)
    const first = gateway.reload()
    await Promise.resolve()
    const others = Array.from({ length: 100 }, () => gateway.reload())
    expect((await first).changed).toEqual(['maxQueue'])
    for (const report of await Promise.all(others)) expect(report.changed).toEqual([])
    const lines = logEntries<{ msg: string }>(gateway.log())
    expect(lines.filter(({ msg }) => msg.startsWith('reloaded')).length).toBeLessThanOrEqual(3)
  })
})

describe('upstreams', () => {
  const upstreams = (...servers: readonly [name: string, url: string, more?: string][]): string =>
    `rateLimit: off\nupstreams:\n${servers
      .map(([name, url, more = '']) => `  - { name: ${name}, url: '${url}'${more} }\n`)
      .join('')}`
  const answer = (by: string) => (response: ServerResponse) =>
    response.end(JSON.stringify({ ...completion, by }))
  const completion = {
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hi' } }],
  }
  const answeredBy = async (gateway: Gateway): Promise<unknown> =>
    ((await completionOf(await send(gateway))) as unknown as { by: unknown }).by

  it('are added, changed and removed by name, and requests in flight finish where they are', async () => {
    const [first, second] = [await testModelServer(), await testModelServer()]
    second.answer = answer('second')
    const gateway = await startFromFile(upstreams(['a', first.url]))
    const held = holdAnswer(first, JSON.stringify({ ...completion, by: 'first' }))
    const inFlight = send(gateway)
    await held.arrived
    gateway.write(upstreams(['b', second.url, ", apiKey: 'canary-key'"]))
    expect(await gateway.reload()).toMatchObject({ changed: ['upstreams (added b; removed a)'] })
    expect(await answeredBy(gateway)).toBe('second')
    held.release()
    expect(await completionOf(await inFlight)).toMatchObject({ by: 'first' })
    gateway.write(upstreams(['b', second.url, ', weight: 2']))
    expect(await gateway.reload()).toMatchObject({ changed: ['upstreams (changed b)'] })
    expect(await answeredBy(gateway)).toBe('second')
    expect(gateway.log()).not.toContain('canary')
  })

  it.each([
    ['missing', 'FOLDER/none.pem', 'ERR_CA_FILE'],
    ['broken', 'FOLDER/gateway.yaml', 'ERR_CA_FILE'],
  ])('stay as they are when a CA file is %s, and so does all else', async (_what, ca, code) => {
    const server = await testModelServer()
    server.answer = answer('old')
    const gateway = await startFromFile(upstreams(['a', server.url]))
    gateway.write(
      `${upstreams(['b', 'https://127.0.0.1:1', `, caFile: ${ca}`])}maxQueue: 1\napiKey: [{ env: CALLER_KEY }]\n`,
    )
    expect(await gateway.reload()).toMatchObject({ status: 'failed', code, changed: [] })
    expect(await answeredBy(gateway)).toBe('old')
  })

  it('change their tiers with the policy, in one step', async () => {
    const server = await testModelServer()
    server.answer = answer('a')
    const gateway = await startFromFile(upstreams(['a', server.url]))
    const high = { 'x-security-tier': 'high' }
    expect(await statusOf(send(gateway, chat('x'), high))).toBe(200)
    gateway.write(`${upstreams(['a', server.url])}tiers: { standard: {}, high: {} }\n`)
    expect(await gateway.reload()).toMatchObject({ status: 'reloaded', needsRestart: [] })
    // Without a mark of its own, the server is for the standard tier only.
    expect(await statusOf(send(gateway, chat('x'), high))).toBe(403)
    gateway.write(
      `${upstreams(['a', server.url, ', tiers: [high]'])}tiers: { standard: {}, high: {} }\n`,
    )
    await gateway.reload()
    expect(await statusOf(send(gateway, chat('x'), high))).toBe(200)
  })

  it('and the demo engine replace each other at a restart only', async () => {
    const server = await testModelServer()
    const gateway = await startFromFile(OPEN)
    gateway.write(upstreams(['a', server.url]))
    expect(await gateway.reload()).toMatchObject({ needsRestart: ['engine'] })
    expect(await statusOf(send(gateway))).toBe(200)
    expect(server.seen).toHaveLength(0)
  })
})
