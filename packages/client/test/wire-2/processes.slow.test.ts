import { readFileSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  listenOnLoopback,
  makeKeyDir,
  startProgram,
  stopAfterTest,
  temporaryFolder,
} from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
// Not a dependency: the gateway depends on this client, by way of its page.
import { createGateway, type Gateway } from '../../../../apps/gateway/dist/index.js'

const BUILT = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

/** A program that asks once, at the same moment as others, and prints the reason of its trust or the code of the error. */
const PROGRAM = `
const { SecureChatCompletion } = await import(process.argv[1])
const [, , baseUrl, knownServers, atMs] = process.argv
const logger = { warn: () => undefined }
const client = new SecureChatCompletion({ baseUrl, knownServers, allowHttp: true, maxRetries: 0, logger })
await new Promise((resolve) => setTimeout(resolve, Number(atMs) - Date.now()))
const said = await client.chooseWire().then(({ reason }) => reason, ({ code }) => code)
process.stdout.write(said)
client.dispose()
`

/** Runs programs that ask at the same moment, and returns what they print. */
async function askAtOnce(urls: readonly string[], file: string): Promise<string[]> {
  const atMs = String(Date.now() + 2000)
  const programs = urls.map((url) =>
    stopAfterTest(
      startProgram(process.execPath, [
        '--input-type=module',
        '-e',
        PROGRAM,
        BUILT,
        url,
        file,
        atMs,
      ]),
    ),
  )
  return Promise.all(programs.map(async ({ ended }) => (await ended).stdout))
}

/** @param key - a server key of the vectors: generating one takes seconds */
async function testGateway(key: string): Promise<Gateway> {
  const keys = { 'private_key.pem': key, 'public_key.pem': `${key}.public.pem` }
  const keyDir = makeKeyDir(keys, temporaryFolder())
  const gateway = await createGateway({
    ...{ host: '127.0.0.1', port: 0, engine: { kind: 'demo' }, keyDir },
    ...{ maxBodyBytes: 2 ** 20, logLevel: 'silent' },
  })
  onTestFinished(() => gateway.close())
  return gateway
}

/** One address before two gateways, which take turns: an attacker who answers every second client. */
async function twoFaced(gateways: readonly Gateway[]): Promise<string> {
  let count = 0
  const server = createServer((near) => {
    const gateway = gateways[count++ % gateways.length]
    const far = connect(Number(new URL(gateway?.url ?? '').port), '127.0.0.1')
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) socket.on('error', () => undefined)
    near.on('close', () => void far.destroy())
    onTestFinished(() => void [near, far].map((socket) => socket.destroy()))
  })
  const url = `http://127.0.0.1:${String(await listenOnLoopback(server))}`
  onTestFinished(() => void server.close())
  return url
}

const keysIn = (file: string): string[][] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '))

describe('processes with one file of known servers', () => {
  it('lose no line when they see servers first at the same moment', async () => {
    const file = join(temporaryFolder(), 'known_servers')
    const [one, two] = [await testGateway('server'), await testGateway('other')]
    const urls = [one, two].flatMap(({ url }) => Array<string>(3).fill(url))
    const said = await askAtOnce(urls, file)
    expect(said.every((reason) => ['first-use', 'known'].includes(reason))).toBe(true)
    const lines = keysIn(file)
    for (const { url, identity, fingerprint } of [one, two]) {
      const own = lines.filter(([server]) => server === url)
      expect(own.map(([, key]) => key).sort()).toEqual([identity, fingerprint].sort())
      expect(own.find(([, key]) => key === identity)?.[3]).toBe('wire=2')
    }
    expect(lines).toHaveLength(4)
  }, 60_000)

  it('trust one identity of a server that shows two', async () => {
    const file = join(temporaryFolder(), 'known_servers')
    const gateways = [await testGateway('server'), await testGateway('other')]
    const url = await twoFaced(gateways)
    const said = await askAtOnce(Array<string>(4).fill(url), file)
    expect([...new Set(said)].sort()).toEqual(
      expect.arrayContaining(['ERR_SERVER_KEY_CHANGED', 'first-use']),
    )
    const identities = keysIn(file).flatMap(([, key, , mark]) => (mark === 'wire=2' ? [key] : []))
    expect(identities).toHaveLength(1)
    expect(gateways.map(({ identity }) => identity)).toContain(identities[0])
    const again = await askAtOnce([url, url], file)
    expect([...again].sort()).toEqual(['ERR_SERVER_KEY_CHANGED', 'known'])
  }, 60_000)
})
