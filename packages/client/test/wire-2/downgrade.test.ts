import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectCode, temporaryFolder } from '@nomyo-internal/testing'
import { attestationPolicy } from '@nomyo/attest'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readConfig } from '../../src/config/options.js'
import { testKey } from '../support.js'
import {
  memoryStore,
  ours,
  select,
  startStatementServer,
  status,
  stripWire2,
  type StatementServer,
} from './support.js'

const HOUR_MS = 3_600_000
const policy = attestationPolicy({ requiredPcrs: 'sha256:0', trust: 'none' })

afterEach(() => {
  vi.restoreAllMocks()
})

/** Lets the clock of held choices run ahead; everything else keeps its time. */
function hoursLater(hours = 2): void {
  const now = performance.now()
  vi.spyOn(performance, 'now').mockReturnValue(now + hours * HOUR_MS)
}

async function startWire1Server(): Promise<StatementServer> {
  const server = await startStatementServer()
  stripWire2(server)
  return server
}

describe('a gateway without wire 2', () => {
  it('is served on wire 1 by a client that knows of nothing else, after one question an hour', async () => {
    const server = await startWire1Server()
    const { choose } = select(server, { knownServers: memoryStore() })
    expect(await choose()).toEqual({ wire: 1, reason: 'not-offered' })
    await choose()
    expect(server.seen).toEqual(['GET /pki/wire2'])
    hoursLater()
    await choose()
    expect(server.seen).toHaveLength(2)
  })

  it('is served on wire 2 when it has learned it', async () => {
    const server = await startWire1Server()
    const { choose } = select(server)
    await choose()
    delete server.answers['GET /pki/wire2']
    hoursLater()
    expect(await choose()).toMatchObject({ wire: 2 })
  })

  it('is served on wire 1 when its RSA key is pinned, or known', async () => {
    const server = await startWire1Server()
    const { fingerprint } = server.rsaKey.publicKey
    const choices = await Promise.all([
      select(server, { serverKeyPins: [fingerprint] }).choose(),
      select(server, { knownServers: memoryStore([{ fingerprint }]) }).choose(),
    ])
    expect(choices.map(({ wire }) => wire)).toEqual([1, 1])
  })

  it.each([
    ['by the option wire', () => ({ wire: 2 as const })],
    ['by the attestation', () => ({ attestation: { policy, minWire: 2 as const } })],
    [
      'by the known servers',
      () => ({ knownServers: memoryStore([{ fingerprint: ours.fingerprint, wire: 2 }]) }),
    ],
    ['by a pin that is not that of its RSA key', () => ({ serverKeyPins: [ours.fingerprint] })],
  ])('is refused where wire 2 is required %s', async (_, options) => {
    const server = await startWire1Server()
    const { choose } = select(server, options())
    await expectCode(choose(), 'ERR_WIRE_DOWNGRADE')
    await expectCode(choose(), 'ERR_WIRE_DOWNGRADE')
    expect(server.seen.every((name) => name.startsWith('GET /pki/'))).toBe(true)
  })

  it('is refused where a line of the file of known servers says that it speaks wire 2', async () => {
    const server = await startWire1Server()
    const knownServers = join(temporaryFolder(), 'known_servers')
    const { fingerprint } = server.rsaKey.publicKey
    const rsaLine = `${server.url} ${fingerprint} 2026-11-28\n`
    writeFileSync(knownServers, rsaLine)
    expect(await select(server, { knownServers }).choose()).toMatchObject({ wire: 1 })
    writeFileSync(knownServers, `${rsaLine}${server.url} ${ours.fingerprint} 2026-11-28 wire=2\n`)
    await expectCode(select(server, { knownServers }).choose(), 'ERR_WIRE_DOWNGRADE')
  })

  it('is refused by a client that has seen its statement', async () => {
    const server = await startStatementServer()
    const { choose } = select(server)
    await choose()
    stripWire2(server)
    hoursLater()
    await expectCode(choose(), 'ERR_WIRE_DOWNGRADE')
    delete server.answers['GET /pki/wire2']
    expect(await choose()).toMatchObject({ wire: 2 })
  })

  it('is refused when its keys for wire 2 are asked for again', async () => {
    const server = await startStatementServer()
    const { choose, selection } = select(server)
    const choice = await choose()
    stripWire2(server)
    const { sha256 } = choice.wire === 2 ? choice.statement : { sha256: '' }
    await expectCode(selection.renew(sha256, new AbortController().signal), 'ERR_WIRE_DOWNGRADE')
  })

  it('does not count a statement that was refused as one that was seen', async () => {
    const server = await startStatementServer()
    const pin = server.rsaKey.publicKey.fingerprint
    server.rsaKey = await testKey('other')
    const { choose } = select(server, { serverKeyPins: [pin] })
    await expectCode(choose(), 'ERR_KEY_MISMATCH')
    server.rsaKey = await testKey('server')
    stripWire2(server)
    expect(await choose()).toMatchObject({ wire: 1 })
  })
})

describe('an encrypted answer on wire 1', () => {
  it('that names a statement convicts a gateway that seemed to have none, until it shows a good one', async () => {
    const server = await startWire1Server()
    const { choose, selection } = select(server)
    await choose()
    await expectCode(
      (async () => {
        await Promise.resolve()
        selection.refuseDowngrade()
      })(),
      'ERR_WIRE_DOWNGRADE',
    )
    await expectCode(choose(), 'ERR_WIRE_DOWNGRADE')
    await expectCode(choose(), 'ERR_WIRE_DOWNGRADE')
    delete server.answers['GET /pki/wire2']
    expect(await choose()).toMatchObject({ wire: 2 })
    stripWire2(server)
    hoursLater()
    await expectCode(choose(), 'ERR_WIRE_DOWNGRADE')
  })

  it('records nothing by itself: a party that knows the reply key could have written it', async () => {
    const server = await startWire1Server()
    const knownServers = memoryStore()
    const { choose, selection } = select(server, { knownServers })
    await choose()
    expect(() => {
      selection.refuseDowngrade()
    }).toThrow()
    await expectCode(choose(), 'ERR_WIRE_DOWNGRADE')
    expect(knownServers.known).toEqual([])
    delete server.answers['GET /pki/wire2']
    await choose()
    expect(knownServers.known[0]).toEqual({ fingerprint: ours.fingerprint, wire: 2 })
    stripWire2(server)
    await expectCode(select(server, { knownServers }).choose(), 'ERR_WIRE_DOWNGRADE')
  })

  it('that arrives late is no news to a client that uses wire 2 by now', async () => {
    const server = await startWire1Server()
    const { choose, selection } = select(server)
    await choose()
    delete server.answers['GET /pki/wire2']
    hoursLater()
    await choose()
    selection.refuseDowngrade()
    expect(await choose()).toMatchObject({ wire: 2 })
  })
})

describe('a question about wire 2 that fails', () => {
  it.each([
    [201, 'ERR_UNEXPECTED_STATUS'],
    [204, 'ERR_UNEXPECTED_STATUS'],
    [304, 'ERR_UNEXPECTED_STATUS'],
    [400, 'ERR_BAD_REQUEST'],
    [401, 'ERR_AUTHENTICATION'],
    [403, 'ERR_FORBIDDEN'],
    [405, 'ERR_UNEXPECTED_STATUS'],
    [410, 'ERR_UNEXPECTED_STATUS'],
    [426, 'ERR_UNEXPECTED_STATUS'],
    [429, 'ERR_RATE_LIMIT'],
    [500, 'ERR_SERVER'],
    [501, 'ERR_UNEXPECTED_STATUS'],
    [502, 'ERR_SERVER'],
    [503, 'ERR_UNAVAILABLE'],
  ])('with status %i is no reason for wire 1', async (code, expected) => {
    const server = await startStatementServer()
    server.answers['GET /pki/wire2'] = status(code)
    await expectCode(select(server).choose(), expected)
    expect(server.seen).toEqual(['GET /pki/wire2'])
  })

  it.each([301, 302, 307, 308])('by redirect %i is no reason for wire 1', async (code) => {
    const server = await startStatementServer()
    server.answers['GET /pki/wire2'] = status(code, { location: '/elsewhere' })
    await expectCode(select(server).choose(), 'ERR_UNEXPECTED_STATUS')
    expect(server.seen).toEqual(['GET /pki/wire2'])
  })

  it('by a connection that breaks, or an answer without an end, is no reason for wire 1', async () => {
    const server = await startStatementServer()
    server.answers['GET /pki/wire2'] = (response) => response.destroy()
    await expectCode(select(server).choose(), 'ERR_NETWORK')
    server.answers['GET /pki/wire2'] = () => undefined
    await expectCode(select(server, { timeout: 50 }).choose(), 'ERR_TIMEOUT')
  })

  it.each([
    ['nothing', '', 'ERR_STATEMENT_INVALID'],
    ['a page', '<html>404 Not Found</html>', 'ERR_STATEMENT_INVALID'],
    ['an empty object', '{}', 'ERR_STATEMENT_INVALID'],
    ['too much', 'x'.repeat(20_000), 'ERR_RESPONSE_TOO_LARGE'],
  ])('by %s is no reason for wire 1', async (_, text, code) => {
    const server = await startStatementServer()
    server.answers['GET /pki/wire2'] = (response) => response.end(text)
    await expectCode(select(server).choose(), code)
  })

  it('is asked again at the next request', async () => {
    const server = await startStatementServer()
    server.answers['GET /pki/wire2'] = status(503)
    const { choose } = select(server)
    await expectCode(choose(), 'ERR_UNAVAILABLE')
    delete server.answers['GET /pki/wire2']
    expect(await choose()).toMatchObject({ wire: 2 })
  })
})

it('options that contradict each other are refused', async () => {
  const server = await startStatementServer()
  const options = { wire: 1, attestation: { policy, minWire: 2 } } as const
  await expectCode(
    Promise.resolve().then(() => readConfig({ baseUrl: server.url, allowHttp: true, ...options })),
    'ERR_INVALID_OPTION',
  )
})

it.each([{ wire: 2 }, { attestation: { policy, minWire: 2 } }] as const)(
  'credentials in a default header are refused before any question where wire 2 is certain: %j',
  async (options) => {
    const server = await startStatementServer()
    for (const name of ['x-api-key', 'Cookie']) {
      const given = { baseUrl: server.url, allowHttp: true, defaultHeaders: { [name]: 'secret' } }
      await expectCode(
        Promise.resolve().then(() => readConfig({ ...given, ...options })),
        'ERR_INVALID_OPTION',
      )
    }
  },
)
