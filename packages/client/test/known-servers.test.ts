import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { lookUpServer, recordFirstUse, type ServerKeyEvent } from '../src/keys/known-servers.js'
import { withFileLock } from '../src/platform/file-lock.js'
import { knownServersFile } from '../src/platform/known-servers-file.js'
import { startTestServer, completeOnce, newSession, testKey } from './support.js'
import { expectCode, temporaryFolder } from '@nomyo-internal/testing'

/** A well-formed fingerprint. */
const pin = (letter: string): string => `sha256/${letter.repeat(42)}A=`

/** Lines that no client would find. */
const NOT_CANONICAL = ['https://x/', 'https://X', 'https://x:443', 'x.example'].map(
  (server) => `${server} ${pin('A')} 2026-01-01`,
)

const temporaryFile = (name = 'known_servers'): string => join(temporaryFolder(), name)

describe('a known-servers file', () => {
  it('trusts the first key, remembers it across clients, and refuses another', async () => {
    const server = await startTestServer()
    const knownServers = temporaryFile('sub/known_servers')
    const events: ServerKeyEvent[] = []
    const onServerKey = (event: ServerKeyEvent): unknown => events.push(event)
    const options = { baseUrl: server.url, knownServers, onServerKey }
    await completeOnce(options)
    await completeOnce(options)
    const first = server.serverKey.publicKey.fingerprint
    server.serverKey = await testKey('other')
    const ask = await newSession(options)
    await expectCode(ask(), 'ERR_SERVER_KEY_CHANGED')
    expect(server.completions).toHaveLength(2)
    expect(events.map(({ type }) => type)).toEqual(['first-use', 'known', 'changed'])
    expect(events.at(-1)).toMatchObject({
      server: server.url,
      known: [first],
      fingerprint: server.serverKey.publicKey.fingerprint,
    })
    expect(readFileSync(knownServers, 'utf8')).toMatch(
      new RegExp(`^${server.url} ${first.replace(/[+/]/g, '\\$&')} \\d{4}-\\d\\d-\\d\\d\\n$`),
    )
    expect(statSync(knownServers).mode & 0o777).toBe(0o600)
  })

  it('knows several keys of a server, and comments', async () => {
    const server = await startTestServer()
    const knownServers = temporaryFile('edited')
    const { publicKey } = await testKey('other')
    const lines = [publicKey.fingerprint, server.serverKey.publicKey.fingerprint]
    writeFileSync(
      knownServers,
      ['# ours', '', ...lines.map((pin) => `${server.url} ${pin}`)].join('\n'),
    )
    const ask = await newSession({ baseUrl: server.url, knownServers })
    await expect(ask()).resolves.toBeDefined()
  })

  it.each(['nonsense', 'https://x sha256/short', ...NOT_CANONICAL])(
    'stops everything when a line cannot be read: %.20s',
    async (line) => {
      const server = await startTestServer()
      const knownServers = temporaryFile('damaged')
      writeFileSync(knownServers, line)
      const ask = await newSession({ baseUrl: server.url, knownServers })
      await expectCode(ask(), 'ERR_KEY_FILE')
      expect(readFileSync(knownServers, 'utf8')).toBe(line)
    },
  )

  it('is not read when it is too large', async () => {
    const path = temporaryFile('large')
    writeFileSync(path, '#'.repeat(2 ** 20 + 1))
    await expectCode(knownServersFile(path).list(), 'ERR_KEY_LIMIT')
    await expectCode(knownServersFile(path).add('https://a', pin('A')), 'ERR_KEY_LIMIT')
    await expectCode(knownServersFile(path).keysOf('https://a'), 'ERR_KEY_LIMIT')
  })

  it.skipIf(process.platform === 'win32')(
    'trusts nothing that another user could have written',
    async () => {
      const server = await startTestServer()
      const knownServers = temporaryFile('foreign')
      const ask = await newSession({ baseUrl: server.url, knownServers })
      writeFileSync(knownServers, `https://a ${pin('A')}\n`)
      for (const mode of [0o620, 0o602, 0o666]) {
        chmodSync(knownServers, mode)
        await expectCode(ask(), 'ERR_KEY_FILE')
        await expectCode(knownServersFile(knownServers).forget('https://a'), 'ERR_KEY_FILE')
      }
      chmodSync(knownServers, 0o644)
      expect(await knownServersFile(knownServers).list()).toHaveLength(1)
      // The file belongs to root in some runs of the tests, which is accepted.
      vi.spyOn(process, 'geteuid').mockReturnValue(4711)
      const isOfRoot = statSync(knownServers).uid === 0
      const list = knownServersFile(knownServers).list()
      await (isOfRoot ? list : expectCode(list, 'ERR_KEY_FILE'))
      vi.restoreAllMocks()
    },
  )

  it.skipIf(process.platform === 'win32')('does not wait for a pipe', async () => {
    const path = temporaryFile('pipe')
    execFileSync('mkfifo', [path])
    await expectCode(knownServersFile(path).list(), 'ERR_KEY_FILE')
    await expectCode(knownServersFile(path).addFirst('https://a', pin('A')), 'ERR_KEY_FILE')
  })

  it('is shown, and forgets one server without touching other lines', async () => {
    const path = temporaryFile()
    const file = knownServersFile(path)
    expect(await file.list()).toEqual([])
    const [first, second] = [pin('A'), pin('B')]
    const lines = [`# ours`, `https://a ${first} 2026-01-02`, '', `https://b ${first}`]
    writeFileSync(path, `${lines.join('\n')}\n`)
    await file.add('https://a', second)
    expect(await file.list()).toMatchObject([
      { server: 'https://a', fingerprint: first, since: '2026-01-02' },
      { server: 'https://b', fingerprint: first },
      { server: 'https://a', fingerprint: second },
    ])
    expect(await file.forget('https://a')).toBe(2)
    expect(await file.forget('https://a')).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe(`# ours\n\nhttps://b ${first}\n`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await expectCode(file.add('https://a', 'sha256/short'), 'ERR_KEY_INVALID')
  })

  it('loses no line to changes made at once, and outlives a lock left behind', async () => {
    const path = temporaryFile()
    writeFileSync(`${path}.lock`, '')
    utimesSync(`${path}.lock`, 0, 0)
    const file = knownServersFile(path)
    await file.add('https://old', pin('A'))
    const servers = Array.from({ length: 20 }, (_, index) => `https://s${index}`)
    await Promise.all([
      file.forget('https://old'),
      ...servers.map((server) => file.add(server, pin('A'))),
    ])
    expect((await file.list()).map(({ server }) => server).sort()).toEqual(servers.sort())
    expect(existsSync(`${path}.lock`)).toBe(false)
  })

  it('begins a line of its own where the last one has no end', async () => {
    const path = temporaryFile()
    writeFileSync(path, `https://a ${pin('A')} 2026-01-02`)
    await knownServersFile(path).add('https://b', pin('B'))
    expect(await knownServersFile(path).fingerprintsOf('https://b')).toEqual([pin('B')])
    expect(await knownServersFile(path).fingerprintsOf('https://a')).toEqual([pin('A')])
  })

  it('writes only addresses it would find again, and no key twice', async () => {
    const path = temporaryFile()
    const file = knownServersFile(path)
    await expectCode(file.add('https://a/', pin('A')), 'ERR_KEY_FILE')
    expect(existsSync(path)).toBe(false)
    await file.add('https://a', pin('A'))
    await file.add('https://a', pin('A'))
    expect(await file.list()).toHaveLength(1)
  })

  it('trusts one of two keys that are seen first at once', async () => {
    const path = temporaryFile()
    const file = knownServersFile(path)
    const keys = await Promise.all((['server', 'other'] as const).map(testKey))
    const events: string[] = []
    for (const { publicKey } of keys) {
      expect(await lookUpServer(file, 'https://a', publicKey, () => undefined)).toBe(false)
    }
    const results = await Promise.allSettled(
      keys.map(({ publicKey }) =>
        recordFirstUse(file, 'https://a', publicKey, ({ type }) => events.push(type)),
      ),
    )
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(events.sort()).toEqual(['changed', 'first-use'])
    expect(await file.list()).toHaveLength(1)
  })

  it('marks the identity keys of servers that speak wire 2', async () => {
    const path = temporaryFile()
    const file = knownServersFile(path)
    const [identity, rsa, other] = [pin('A'), pin('B'), pin('C')]
    const keys = [{ fingerprint: identity, wire: 2 }, { fingerprint: rsa }] as const
    expect(await file.addKeys('https://a', keys, { onlyFirst: true })).toEqual([])
    expect(await file.addKeys('https://a', [{ fingerprint: other }], { onlyFirst: true })).toEqual(
      keys,
    )
    expect(await file.addKeys('https://a', [...keys, { fingerprint: identity }])).toEqual(keys)
    const today = new Date().toISOString().slice(0, 10)
    expect(readFileSync(path, 'utf8')).toBe(
      `https://a ${identity} ${today} wire=2\nhttps://a ${rsa} ${today}\n`,
    )
    expect(await file.keysOf('https://a')).toEqual(keys)
    expect(await file.fingerprintsOf('https://a')).toEqual([identity, rsa])
    expect(await file.list()).toMatchObject([{ since: today, wire: 2 }, { since: today }])
    expect(await file.forget('https://a')).toBe(2)
  })

  it('adds the mark to an identity that was known without it', async () => {
    const path = temporaryFile()
    const file = knownServersFile(path)
    await file.add('https://a', pin('A'))
    await file.addKeys('https://a', [{ fingerprint: pin('A'), wire: 2 }])
    await file.addKeys('https://a', [{ fingerprint: pin('A'), wire: 2 }])
    expect(await file.keysOf('https://a')).toEqual([
      { fingerprint: pin('A') },
      { fingerprint: pin('A'), wire: 2 },
    ])
    expect(await file.fingerprintsOf('https://a')).toEqual([pin('A')])
  })

  it.each([
    ['wire=2', 2],
    ['2026-01-02 wire=2', 2],
    ['2026-01-02 wire=3', 2],
    ['2026-01-02 wire=12', 2],
    ['2026-01-02 note wire=2', 2],
    ['2026-01-02', undefined],
    ['2026-01-02 wire=1', undefined],
    ['2026-01-02 wire=', undefined],
    ['2026-01-02 wire=20x', undefined],
    ['2026-01-02 x', undefined],
  ])('reads the words %j behind a fingerprint', async (words, wire) => {
    const path = temporaryFile()
    writeFileSync(path, `https://a ${pin('A')} ${words}\n`)
    const [entry] = await knownServersFile(path).list()
    expect(entry?.wire).toBe(wire)
    expect(entry?.since).toBe(words.startsWith('2026') ? '2026-01-02' : undefined)
  })

  it('leaves a damaged file as it is', async () => {
    const path = temporaryFile('damaged')
    writeFileSync(path, 'nonsense')
    await expectCode(knownServersFile(path).forget('nonsense'), 'ERR_KEY_FILE')
    expect(readFileSync(path, 'utf8')).toBe('nonsense')
  })

  it('may be a store of the caller', async () => {
    const server = await startTestServer()
    const pins: string[] = []
    const knownServers = {
      fingerprintsOf: () => Promise.resolve(pins),
      add: (_server: string, pin: string) => Promise.resolve(void pins.push(pin)),
    }
    await completeOnce({ baseUrl: server.url, knownServers })
    expect(pins).toEqual([server.serverKey.publicKey.fingerprint])
  })
})

describe('a file lock', () => {
  const lockPath = (): string => temporaryFile('lock')
  const old = new Date(0)
  const future = new Date('2100-01-01')

  it.each([
    ['old', old],
    ['of a time to come', future],
  ])('takes away one that is %s', async (_what, time) => {
    const path = lockPath()
    writeFileSync(path, 'of another process')
    utimesSync(path, time, time)
    await expect(withFileLock(path, () => Promise.resolve('done'))).resolves.toBe('done')
    expect(existsSync(path)).toBe(false)
  })

  it('gives up where another process holds it, and leaves it', async () => {
    const path = lockPath()
    writeFileSync(path, 'of another process')
    const waiting = withFileLock(path, () => Promise.resolve(), 50)
    await expectCode(waiting, 'ERR_KEY_FILE')
    expect(readFileSync(path, 'utf8')).toBe('of another process')
  })

  it('does not remove the lock of another owner', async () => {
    const path = lockPath()
    await withFileLock(path, () => Promise.resolve(writeFileSync(path, 'of another process')))
    expect(readFileSync(path, 'utf8')).toBe('of another process')
  })
})
