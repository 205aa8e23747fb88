import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ServerKeyEvent } from '../src/known-servers.js'
import { startTestServer, testExchange, testKey } from './support.js'

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
