import { existsSync, mkdtempSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ServerKeyEvent } from '../src/known-servers.js'
import { knownServersFile } from '../src/platform/known-servers-file.js'
import { startTestServer, testExchange, testKey } from './support.js'

/** A well-formed fingerprint. */
const pin = (letter: string): string => `sha256/${letter.repeat(42)}A=`

function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-known-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return join(folder, 'sub', 'known_servers')
}

describe('a known-servers file', () => {
  it('trusts the first key, remembers it across clients, and refuses another', async () => {
    const server = await startTestServer()
    const knownServers = temporaryFile()
    const events: ServerKeyEvent[] = []
    const onServerKey = (event: ServerKeyEvent): unknown => events.push(event)
    const options = { baseUrl: server.url, knownServers, onServerKey }
    await (
      await testExchange(options)
    )()
    await (
      await testExchange(options)
    )()
    const first = server.serverKey.publicKey.fingerprint
    server.serverKey = await testKey('other')
    const ask = await testExchange(options)
    await expect(ask()).rejects.toMatchObject({ code: 'ERR_SERVER_KEY_CHANGED' })
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
    const knownServers = join(temporaryFile(), '..', '..', 'edited')
    const { publicKey } = await testKey('other')
    const lines = [publicKey.fingerprint, server.serverKey.publicKey.fingerprint]
    writeFileSync(
      knownServers,
      ['# ours', '', ...lines.map((pin) => `${server.url} ${pin}`)].join('\n'),
    )
    const ask = await testExchange({ baseUrl: server.url, knownServers })
    await expect(ask()).resolves.toBeDefined()
  })

  it.each(['nonsense', 'https://x sha256/short', 'x'.repeat(2 ** 20 + 1)])(
    'stops everything when a line cannot be read: %.20s',
    async (line) => {
      const server = await startTestServer()
      const knownServers = join(temporaryFile(), '..', '..', 'damaged')
      writeFileSync(knownServers, line)
      const ask = await testExchange({ baseUrl: server.url, knownServers })
      await expect(ask()).rejects.toMatchObject({ code: 'ERR_KEY_FILE' })
      expect(readFileSync(knownServers, 'utf8')).toBe(line)
    },
  )

  it('is shown, and forgets one server without touching other lines', async () => {
    const path = join(temporaryFile(), '..', '..', 'known_servers')
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
    await expect(file.add('https://a', 'sha256/short')).rejects.toMatchObject({
      code: 'ERR_KEY_INVALID',
    })
  })

  it('loses no line to changes made at once, and outlives a lock left behind', async () => {
    const path = join(temporaryFile(), '..', '..', 'known_servers')
    writeFileSync(`${path}.lock`, '')
    utimesSync(`${path}.lock`, 0, 0)
    const file = knownServersFile(path)
    await file.add('https://old', pin('A'))
    const servers = Array.from({ length: 20 }, (_, index) => `https://${index}`)
    await Promise.all([
      file.forget('https://old'),
      ...servers.map((server) => file.add(server, pin('A'))),
    ])
    expect((await file.list()).map(({ server }) => server).sort()).toEqual(servers.sort())
    expect(existsSync(`${path}.lock`)).toBe(false)
  })

  it('leaves a damaged file as it is', async () => {
    const path = join(temporaryFile(), '..', '..', 'damaged')
    writeFileSync(path, 'nonsense')
    await expect(knownServersFile(path).forget('nonsense')).rejects.toMatchObject({
      code: 'ERR_KEY_FILE',
    })
    expect(readFileSync(path, 'utf8')).toBe('nonsense')
  })

  it('may be a store of the caller', async () => {
    const server = await startTestServer()
    const pins: string[] = []
    const knownServers = {
      fingerprintsOf: () => Promise.resolve(pins),
      add: (_server: string, pin: string) => Promise.resolve(void pins.push(pin)),
    }
    await (
      await testExchange({ baseUrl: server.url, knownServers })
    )()
    expect(pins).toEqual([server.serverKey.publicKey.fingerprint])
  })
})
