import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startProgram, temporaryFolder } from '@nomyo-internal/testing'
import { readKeysFile } from '../src/access/api-keys/keys-file.js'
import { GatewayError } from '../src/errors.js'
import {
  HI,
  addApiKey,
  chat,
  complete,
  completionOf,
  holdAnswer,
  refusalOf,
  runCommand,
  runKeys,
  send,
  testGateway,
  testModelServer,
  type TestGateway,
} from './support.js'

const folder = temporaryFolder()
const newFile = (): string => join(folder, `${crypto.randomUUID()}.json`)

const statusFor = async (
  gateway: TestGateway,
  key: string,
  headers: Record<string, string> = {},
  model = 'nomyo/echo',
): Promise<number> =>
  (
    await send(gateway, chat('Hello!', { model }), {
      authorization: `Bearer ${key}`,
      ...headers,
    })
  ).status

const withFile = (file: string, ...args: string[]): Promise<TestGateway> =>
  testGateway({ args: ['--engine', 'demo', '--keys-file', file, ...args] })

describe('keys add', () => {
  it('prints a key of 256 random bits once, and keeps a salted hash of it', async () => {
    const file = newFile()
    const first = await addApiKey(file, '--name', 'alice')
    const second = await addApiKey(file, '--name', 'bob', '--models', 'a,b', '--tiers', 'high')
    for (const key of [first, second]) expect(key).toMatch(/^nomyo_sk_[\w-]{43}$/)
    expect(first).not.toBe(second)
    const text = await readFile(file, 'utf8')
    for (const key of [first, second]) expect(text).not.toContain(key.slice(9, 25))
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const [alice, bob] = await readKeysFile(file)
    // One salt for the file: a token is hashed once for all of its keys.
    expect(alice?.salt).toEqual(bob?.salt)
    expect(alice?.hash).not.toEqual(bob?.hash)
    expect(bob).toMatchObject({ name: 'bob', models: ['a', 'b'], tiers: ['high'] })
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('refuses a name that is taken, and leaves the file as it was', async () => {
    const file = newFile()
    await addApiKey(file, '--name', 'alice')
    const before = await readFile(file, 'utf8')
    expect(await runKeys(file, 'add', '--name', 'alice')).toMatchObject({ code: 1, stdout: '' })
    expect(await readFile(file, 'utf8')).toBe(before)
  })

  it('never replaces a file that it cannot read', async () => {
    const file = newFile()
    await writeFile(file, '{"version":2}')
    expect(await runKeys(file, 'add')).toMatchObject({ code: 1, stdout: '' })
    expect(await readFile(file, 'utf8')).toBe('{"version":2}')
  })

  it('refuses to write where it cannot', async () => {
    const nowhere = join(folder, 'nowhere', 'keys.json')
    expect(await runKeys(nowhere, 'add')).toMatchObject({ code: 1, stdout: '' })
  })
})

describe('keys list and revoke', () => {
  it('name the keys, and take one away', async () => {
    const file = newFile()
    const key = await addApiKey(file, '--name', 'alice')
    await addApiKey(file, '--name', 'bob', '--models', 'm')
    const listed = await runKeys(file, 'list')
    expect(listed.stdout.split('\n').map((line) => line.split('\t')[0])).toEqual([
      'alice',
      'bob',
      '',
    ])
    for (const { salt, hash } of await readKeysFile(file)) {
      for (const secret of [salt, hash]) {
        expect(listed.stdout).not.toContain(Buffer.from(secret).toString('base64url'))
      }
    }
    expect(listed.stdout).not.toContain(key)
    expect(await runKeys(file, 'revoke', 'alice')).toMatchObject({ code: 0, stdout: '' })
    expect((await readKeysFile(file)).map(({ name }) => name)).toEqual(['bob'])
    expect(await runKeys(file, 'revoke', 'alice')).toMatchObject({ code: 1, stdout: '' })
  })
})

// They wait for locks, and each has a file of its own.
describe.concurrent('changes at the same moment', () => {
  it('are all there afterwards', async () => {
    const file = newFile()
    const revoked = ['r0', 'r1', 'r2', 'r3']
    for (const name of revoked) await addApiKey(file, '--name', name)
    const added = Array.from({ length: 16 }, (_, at) => `a${at}`)
    const ended = await Promise.all([
      ...added.map((name) => runKeys(file, 'add', '--name', name)),
      ...revoked.map((name) => runKeys(file, 'revoke', name)),
    ])
    expect(ended.map(({ code }) => code)).toEqual(ended.map(() => 0))
    const names = (await readKeysFile(file)).map(({ name }) => name)
    expect(names.sort()).toEqual(added.sort())
    await expect(stat(`${file}.lock`)).rejects.toThrow()
  })

  it('take over the lock of a process that died, once', async () => {
    const file = newFile()
    const dead = startProgram('true', [])
    await dead.ended
    await writeFile(`${file}.lock`, `${dead.pid} ${hostname()}`)
    const old = new Date(Date.now() - 60_000)
    await utimes(`${file}.lock`, old, old)
    const ended = await Promise.all(Array.from({ length: 6 }, () => runKeys(file, 'add')))
    expect(ended.map(({ code }) => code)).toEqual(ended.map(() => 0))
    expect(await readKeysFile(file)).toHaveLength(6)
  })
})

it.each([
  [[]],
  [['nonsense']],
  [['add', 'positional']],
  [['add', '--name', 'with blank']],
  [['add', '--tiers', 'low']],
  [['add', '--models', 'a,,b']],
  [['add', '--nonsense']],
  [['add', '--rate', '2']],
  [['add', '--burst', '2']],
  [['add', '--rate', '2/s', '--burst', '1']],
  [['list', '--name', 'x']],
  [['revoke']],
  [['revoke', 'a', 'b']],
])('keys %j is a usage error', async (args) => {
  const ended = await runKeys(newFile(), ...args)
  expect(ended).toMatchObject({ code: 2, stdout: '' })
})

it('keys takes its options before or after the command', async () => {
  const path = newFile()
  const add = await runCommand(['keys', '--keys-file', path, 'add', '--name', 'first'])
  expect(add).toMatchObject({ code: 0, stderr: '' })
  const { stdout } = await runCommand(['keys', '--keys-file', path, 'list'])
  expect(stdout).toMatch(/^first\t/)
})

it('keys --help exits with 0, and without --keys-file it is a usage error', async () => {
  expect(await runCommand(['keys', '--help'])).toMatchObject({ code: 0, stderr: '' })
  expect(await runCommand(['keys', 'list'])).toMatchObject({ code: 2, stdout: '' })
  const file = newFile()
  await addApiKey(file, '--name', 'alice')
  const listed = await runCommand(['keys', 'list'], { NOMYO_KEYS_FILE: file })
  expect(listed).toMatchObject({ code: 0 })
})

describe('a gateway with --keys-file', () => {
  it('admits the keys of the file and of --api-key only', async () => {
    const file = newFile()
    const key = await addApiKey(file)
    const gateway = await withFile(file, '--api-key', 'the-key-of-the-flag')
    expect(await statusFor(gateway, key)).toBe(200)
    expect(await statusFor(gateway, 'the-key-of-the-flag')).toBe(200)
    const [{ hash } = { hash: new Uint8Array() }] = await readKeysFile(file)
    for (const wrong of [
      key.slice(0, -1),
      `${key}x`,
      key.slice('nomyo_sk_'.length),
      Buffer.from(hash).toString('base64url'),
    ]) {
      expect(await statusFor(gateway, wrong)).toBe(401)
    }
    expect(gateway.log()).not.toContain(key)
  })

  it('admits no caller when the file has no keys', async () => {
    const file = newFile()
    const key = await addApiKey(file, '--name', 'alice')
    await runKeys(file, 'revoke', 'alice')
    const gateway = await withFile(file)
    expect(await statusFor(gateway, key)).toBe(401)
    expect((await send(gateway)).status).toBe(401)
  })

  it('takes over what changed on a reload, and finishes requests of keys that are revoked', async () => {
    const file = newFile()
    const alice = await addApiKey(file, '--name', 'alice')
    const upstream = await testModelServer()
    const gateway = await testGateway({
      args: ['--upstream', upstream.url, '--keys-file', file],
    })
    const { arrived, release } = holdAnswer(upstream, '{"choices":[{}],"late":true}')
    const inFlight = send(gateway, chat('slow'), { authorization: `Bearer ${alice}` })
    await arrived
    const bob = await addApiKey(file, '--name', 'bob')
    await runKeys(file, 'revoke', 'alice')
    expect(await statusFor(gateway, bob)).toBe(401)
    await gateway.reload()
    release()
    upstream.answer = (response) => response.end(HI)
    expect(await completionOf(await inFlight)).toMatchObject({ late: true })
    expect(await statusFor(gateway, bob)).toBe(200)
    expect(await statusFor(gateway, alice)).toBe(401)
  })

  it('keeps its keys when the file is broken or missing, and logs that', async () => {
    const file = newFile()
    const key = await addApiKey(file)
    const gateway = await withFile(file)
    const good = await readFile(file, 'utf8')
    const twice = good.replace('{', '{"keys":[],')
    for (const text of ['{"version":1', good.replace('"hash"', '"hush"'), twice, undefined]) {
      await (text === undefined ? rm(file) : writeFile(file, text))
      expect(await gateway.reload()).toMatchObject({
        status: 'failed',
        code: 'ERR_API_KEYS_FILE',
        changed: [],
      })
      expect(await statusFor(gateway, key)).toBe(200)
    }
    await writeFile(file, '{"version":1,"keys":[]}')
    await gateway.reload()
    expect(await statusFor(gateway, key)).toBe(401)
  })

  it('does not start without it', async () => {
    const ended = await runCommand(['--engine', 'demo', '--port', '0', '--keys-file', newFile()])
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).not.toMatch(/^\s+at /m)
  })
})

it('a key is for its models and tiers only: 403, in the same words, and the model is not asked', async () => {
  const file = newFile()
  const key = await addApiKey(file, '--models', 'nomyo/echo,other', '--tiers', 'standard,high')
  const free = await addApiKey(file)
  const gateway = await withFile(file)
  expect(await statusFor(gateway, key)).toBe(200)
  expect(await statusFor(gateway, key, { 'x-security-tier': 'high' }, 'other')).toBe(200)
  expect(await statusFor(gateway, free, { 'x-security-tier': 'maximum' }, 'canary')).toBe(200)
  const texts = new Set<string>()
  for (const [model, tier] of [
    ['canary', 'standard'],
    ['nomyo/echo', 'maximum'],
    ['NOMYO/echo', 'standard'],
  ]) {
    const answer = await send(gateway, chat('x', { model }), {
      authorization: `Bearer ${key}`,
      'x-security-tier': tier,
    })
    expect(answer.status).toBe(403)
    texts.add(refusalOf(answer))
  }
  expect(texts.size).toBe(1)
  expect([...texts].join()).not.toMatch(/canary|echo|maximum/)
  await complete(gateway, chat('x'), { authorization: `Bearer ${key}` })
})

describe('a file of keys', () => {
  const bytes = (length: number): string => Buffer.alloc(length, 7).toString('base64url')
  const good = { name: 'a', salt: bytes(16), hash: bytes(32), created: '2026-01-01T00:00:00Z' }
  const read = async (value: unknown): Promise<unknown> => {
    const file = newFile()
    await writeFile(file, typeof value === 'string' ? value : JSON.stringify(value))
    return readKeysFile(file)
  }

  it('is read where it is well-formed', async () => {
    expect(await read({ version: 1, keys: [good, { ...good, name: 'b' }] })).toHaveLength(2)
  })

  it.each<readonly [unknown, string]>([
    ['', 'JSON'],
    ['[]', 'object'],
    [{ version: 2, keys: [] }, 'version'],
    [{ version: 1 }, 'keys'],
    [{ version: 1, keys: {} }, 'keys'],
    [{ version: 1, keys: [], canary: 1 }, 'member'],
    [{ version: 1, keys: [good, good] }, 'keys[1].name'],
    [{ version: 1, keys: [null] }, 'keys[0]'],
    [{ version: 1, keys: [{ ...good, model: ['canary'] }] }, 'keys[0]'],
    [{ version: 1, keys: [{ ...good, name: 'canary !' }] }, 'keys[0].name'],
    [{ version: 1, keys: [{ ...good, salt: bytes(15) }] }, 'keys[0].salt'],
    [{ version: 1, keys: [{ ...good, salt: `${bytes(16)}==` }] }, 'keys[0].salt'],
    [{ version: 1, keys: [{ ...good, hash: 'canary' }] }, 'keys[0].hash'],
    [{ version: 1, keys: [{ ...good, hash: undefined }] }, 'keys[0].hash'],
    [{ version: 1, keys: [{ ...good, created: 'canary' }] }, 'keys[0].created'],
    [{ version: 1, keys: [{ ...good, models: [] }] }, 'keys[0].models'],
    [{ version: 1, keys: [{ ...good, models: 'canary' }] }, 'keys[0].models'],
    [{ version: 1, keys: [{ ...good, tiers: ['canary'] }] }, 'keys[0].tiers'],
    ...[2, { perSecond: 2 }, { perSecond: 2, burst: 1 }, { perSecond: 2, burst: 4, x: 1 }].map(
      (rateLimit) => [{ version: 1, keys: [{ ...good, rateLimit }] }, 'keys[0].rateLimit'] as const,
    ),
  ])('is refused, naming the member and no value: %j', async (value, member) => {
    const error = await read(value).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(GatewayError)
    expect((error as Error).message).toContain(member)
    expect((error as Error).message).not.toContain('canary')
  })
})
