import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectCode, temporaryFolder } from '@nomyo-internal/testing'
import { SecurityError } from '@nomyo/crypto/errors'
import { signStatement, type IdentityKey } from '@nomyo/crypto/wire-2'
import { describe, expect, it } from 'vitest'
import { testKey } from '../support.js'
import {
  foreign,
  memoryStore,
  next,
  ours,
  select,
  startStatementServer,
  status,
  stripWire2,
  type StatementServer,
} from './support.js'

const VOUCH = 'POST /pki/wire2/vouch'
const identity = { fingerprint: ours.fingerprint, wire: 2 } as const

const vouches = ({ seen }: StatementServer): number => seen.filter((name) => name === VOUCH).length

describe('a statement without pins and known servers', () => {
  it('is trusted, and says so', async () => {
    const server = await startStatementServer()
    const choice = await select(server).choose()
    expect(choice).toMatchObject({
      wire: 2,
      reason: 'unverified',
      identity: ours.fingerprint,
      attested: undefined,
    })
    expect(server.seen).toEqual(['GET /pki/wire2'])
  })
})

describe('pins', () => {
  it('that name the identity need nothing else', async () => {
    const server = await startStatementServer()
    const pins = [foreign.fingerprint, ours.fingerprint]
    const choice = await select(server, { serverKeyPins: pins }).choose()
    expect(choice).toMatchObject({ reason: 'pinned', identity: ours.fingerprint })
    expect(server.seen).toEqual(['GET /pki/wire2'])
  })

  it('that name the RSA key need its word, once for every identity', async () => {
    const server = await startStatementServer()
    const pins = [server.rsaKey.publicKey.fingerprint]
    const { choose, selection } = select(server, { serverKeyPins: pins })
    const choice = await choose()
    expect(choice).toMatchObject({ reason: 'vouched', identity: ours.fingerprint })
    server.content = { maxChunk: 16_384 }
    const used = choice.wire === 2 ? choice.statement.sha256 : ''
    expect(await selection.renew(used, new AbortController().signal)).toBe(true)
    expect(vouches(server)).toBe(1)
    server.signers = [next]
    const renewed = await choose()
    const usedNow = renewed.wire === 2 ? renewed.statement.sha256 : ''
    expect(await selection.renew(usedNow, new AbortController().signal)).toBe(true)
    expect(vouches(server)).toBe(2)
  })

  it('that name neither are refused before anything is sent', async () => {
    const server = await startStatementServer()
    const pins = [foreign.fingerprint]
    await expectCode(select(server, { serverKeyPins: pins }).choose(), 'ERR_KEY_MISMATCH')
    expect(server.seen).toEqual(['GET /pki/wire2', 'GET /pki/public_key'])
  })

  it('are not met by the name of a pinned RSA key in a foreign statement', async () => {
    const server = await startStatementServer()
    const pinned = server.rsaKey.publicKey
    server.answers['GET /pki/public_key'] = (response) => response.end(pinned.pem)
    // The attacker has the public key, and cannot decrypt the question.
    server.answers[VOUCH] = (response) =>
      response.end(JSON.stringify({ mac: Buffer.alloc(32).toString('base64') }))
    server.signers = [foreign]
    server.content = { rsaKeys: [pinned.fingerprint] }
    await expectCode(
      select(server, { serverKeyPins: [pinned.fingerprint] }).choose(),
      'ERR_KEY_MISMATCH',
    )
    expect(vouches(server)).toBe(1)
  })

  it('are not met by an answer that was recorded before', async () => {
    const server = await startStatementServer()
    const { fingerprint } = server.rsaKey.publicKey
    let recorded: Uint8Array | undefined
    const real = await startStatementServer()
    server.answers[VOUCH] = async (response, body) => {
      recorded ??= new Uint8Array(
        await (
          await fetch(`${real.url}/pki/wire2/vouch`, {
            method: 'POST',
            body: Uint8Array.from(body),
          })
        ).arrayBuffer(),
      )
      response.end(recorded)
    }
    const document = await real.document()
    server.answers['GET /pki/wire2'] = (response) => response.end(document)
    const options = { serverKeyPins: [fingerprint] }
    expect(await select(server, options).choose()).toMatchObject({ reason: 'vouched' })
    await expectCode(select(server, options).choose(), 'ERR_KEY_MISMATCH')
  })

  it.each([
    [404, 'ERR_KEY_MISMATCH'],
    [403, 'ERR_FORBIDDEN'],
    [429, 'ERR_RATE_LIMIT'],
    [503, 'ERR_UNAVAILABLE'],
    [302, 'ERR_UNEXPECTED_STATUS'],
    [409, 'ERR_UNEXPECTED_STATUS'],
  ])('are not met when the question has status %i', async (code, expected) => {
    const server = await startStatementServer()
    server.answers[VOUCH] = status(code)
    const pins = [server.rsaKey.publicKey.fingerprint]
    await expectCode(select(server, { serverKeyPins: pins }).choose(), expected)
  })

  it.each(['', '{}', '{"mac":1}', '{"mac":"","mac":""}'])(
    'are not met by the malformed answer %s',
    async (text) => {
      const server = await startStatementServer()
      server.answers[VOUCH] = (response) => response.end(text)
      const pins = [server.rsaKey.publicKey.fingerprint]
      await expectCode(select(server, { serverKeyPins: pins }).choose(), 'ERR_PLAINTEXT_INVALID')
    },
  )

  it('are met after one more try when the statement changes in between', async () => {
    const server = await startStatementServer()
    const pins = [server.rsaKey.publicKey.fingerprint]
    const old = await server.document()
    let times = 0
    server.answers['GET /pki/wire2'] = async (response) => {
      if (times++ > 0) return response.end(await server.document())
      server.content = { maxChunk: 16_384 }
      return response.end(old)
    }
    expect(await select(server, { serverKeyPins: pins }).choose()).toMatchObject({
      reason: 'vouched',
      statement: { maxChunk: 16_384 },
    })
    expect(vouches(server)).toBe(2)
  })
})

describe('a known server', () => {
  it('is recorded with its identity and its RSA keys, and known from then on', async () => {
    const server = await startStatementServer()
    const { fingerprint } = server.rsaKey.publicKey
    const knownServers = memoryStore()
    const first = select(server, { knownServers })
    expect(await first.choose()).toMatchObject({ reason: 'first-use' })
    expect(knownServers.known).toEqual([identity, { fingerprint }])
    expect(first.events).toEqual([
      { type: 'first-use', server: server.url, ...identity, known: [] },
    ])
    const second = select(server, { knownServers })
    expect(await second.choose()).toMatchObject({ reason: 'known' })
    expect(second.events).toEqual([
      {
        type: 'known',
        server: server.url,
        ...identity,
        known: [ours.fingerprint, fingerprint],
      },
    ])
    expect(knownServers.known).toHaveLength(2)
    expect(server.seen).toEqual(['GET /pki/wire2', 'GET /pki/wire2'])
  })

  it('has lines in the file that clients of wire 1 read', async () => {
    const server = await startStatementServer()
    const { fingerprint } = server.rsaKey.publicKey
    const knownServers = join(temporaryFolder(), 'known_servers')
    await select(server, { knownServers }).choose()
    await select(server, { knownServers }).choose()
    const today = new Date().toISOString().slice(0, 10)
    expect(readFileSync(knownServers, 'utf8')).toBe(
      `${server.url} ${ours.fingerprint} ${today} wire=2\n` +
        `${server.url} ${fingerprint} ${today}\n`,
    )
  })

  it('with another identity is refused', async () => {
    const server = await startStatementServer({ signers: [foreign] })
    server.rsaKey = await testKey('other')
    const knownServers = memoryStore([
      identity,
      { fingerprint: (await testKey('server')).publicKey.fingerprint },
    ])
    const { choose, events } = select(server, { knownServers })
    await expectCode(choose(), 'ERR_SERVER_KEY_CHANGED')
    expect(knownServers.known).toHaveLength(2)
    expect(events).toMatchObject([{ type: 'changed', fingerprint: foreign.fingerprint, wire: 2 }])
  })

  it('that is known by its RSA key is recorded when that vouches', async () => {
    const server = await startStatementServer()
    const { fingerprint } = server.rsaKey.publicKey
    const knownServers = memoryStore([{ fingerprint }])
    const { choose, events } = select(server, { knownServers })
    expect(await choose()).toMatchObject({ reason: 'vouched' })
    expect(knownServers.known).toEqual([{ fingerprint }, identity])
    expect(events).toMatchObject([{ type: 'vouched', fingerprint: ours.fingerprint }])
    expect(await select(server, { knownServers }).choose()).toMatchObject({ reason: 'known' })
    expect(vouches(server)).toBe(1)
  })

  it('that is known by its RSA key is refused when that does not vouch', async () => {
    const server = await startStatementServer()
    server.answers[VOUCH] = status(404)
    const { fingerprint } = server.rsaKey.publicKey
    const { choose } = select(server, { knownServers: memoryStore([{ fingerprint }]) })
    await expectCode(choose(), 'ERR_SERVER_KEY_CHANGED')
  })

  it('keeps its trust when the old identity signs beside the new one', async () => {
    const server = await startStatementServer({ signers: [ours, next] })
    const knownServers = memoryStore([identity])
    await select(server, { knownServers }).choose()
    server.signers = [next]
    const choice = await select(server, { knownServers }).choose()
    expect(choice).toMatchObject({ reason: 'known', identity: next.fingerprint })
    expect(vouches(server)).toBe(0)
  })

  it('gives no trust to a stranger who signs its genuine statement, vouched or not', async () => {
    const server = await startStatementServer()
    const rsa = { fingerprint: server.rsaKey.publicKey.fingerprint }
    const genuine = JSON.parse(Buffer.from(await server.document()).toString()) as {
      statement: string
      signatures: unknown[]
    }
    const bytes = Buffer.from(genuine.statement, 'base64')
    const joined = await signStatement(bytes, [ours, foreign])
    const replaced = await signStatement(bytes, [foreign])
    server.answers['GET /pki/wire2'] = (response) => response.end(joined)
    const knownServers = memoryStore([rsa])
    await select(server, { knownServers }).choose()
    expect(knownServers.known).toEqual([rsa, identity])
    server.answers['GET /pki/wire2'] = (response) => response.end(replaced)
    await expectCode(
      select(server, { knownServers: memoryStore([rsa]) }).choose(),
      'ERR_STATEMENT_INVALID',
    )
  })

  it('learns the RSA keys that its identity names later', async () => {
    const server = await startStatementServer()
    const knownServers = memoryStore([identity])
    server.rsaKey = await testKey('other')
    await select(server, { knownServers }).choose()
    expect(knownServers.known).toEqual([
      identity,
      { fingerprint: server.rsaKey.publicKey.fingerprint },
    ])
  })

  it('needs no store that can be written, but for its first use', async () => {
    const server = await startStatementServer()
    const { fingerprint } = server.rsaKey.publicKey
    const fail = (error: Error) => ({ addKeys: () => Promise.reject(error) })
    const readOnly = fail(new SecurityError('ERR_KEY_FILE', 'read-only'))
    const warnings: string[] = []
    const logger = { warn: (text: string) => void warnings.push(text) }
    const known = { ...memoryStore([{ fingerprint }]), ...readOnly }
    expect(await select(server, { knownServers: known, logger }).choose()).toMatchObject({
      reason: 'vouched',
    })
    expect(warnings.filter((text) => text.includes('ERR_KEY_FILE'))).toHaveLength(1)
    const empty = { ...memoryStore(), ...readOnly }
    await expectCode(select(server, { knownServers: empty }).choose(), 'ERR_KEY_FILE')
    const broken = { ...memoryStore([{ fingerprint }]), ...fail(new RangeError('broken')) }
    await expect(select(server, { knownServers: broken }).choose()).rejects.toThrow(RangeError)
  })

  it('cannot fill the store, neither at first use nor later', async () => {
    const server = await startStatementServer()
    const many = (start: number) =>
      Array.from({ length: 40 }, (_, index) => {
        const bytes = Buffer.alloc(32)
        bytes.writeUInt32BE(start + index)
        return `sha256/${bytes.toString('base64')}`
      })
    const warnings: string[] = []
    const logger = { warn: (text: string) => void warnings.push(text) }
    const knownServers = memoryStore()
    for (const start of [0, 100, 200]) {
      server.content = { rsaKeys: many(start) }
      await select(server, { knownServers, logger }).choose()
    }
    expect(knownServers.known).toHaveLength(64)
    expect(warnings.filter((text) => text.includes('recorded'))).toHaveLength(2)
    server.content = { rsaKeys: [...many(0), ...many(100)] }
    const other = memoryStore()
    await select(server, { knownServers: other }).choose()
    expect(other.known).toHaveLength(64)
  })

  it('marks an identity that was trusted by hand', async () => {
    const server = await startStatementServer()
    const knownServers = join(temporaryFolder(), 'known_servers')
    writeFileSync(knownServers, `${server.url} ${ours.fingerprint}\n`)
    expect(await select(server, { knownServers }).choose()).toMatchObject({ reason: 'known' })
    expect(readFileSync(knownServers, 'utf8')).toContain(`${ours.fingerprint} 20`)
    expect(readFileSync(knownServers, 'utf8')).toContain(' wire=2\n')
  })

  it('must agree with the pins', async () => {
    const server = await startStatementServer()
    const { fingerprint } = await testKey('other').then(({ publicKey }) => publicKey)
    const knownServers = memoryStore([{ fingerprint }])
    const pins = [ours.fingerprint]
    await expectCode(
      select(server, { serverKeyPins: pins, knownServers }).choose(),
      'ERR_SERVER_KEY_CHANGED',
    )
    const rsa = [server.rsaKey.publicKey.fingerprint]
    const options = { serverKeyPins: rsa, knownServers: memoryStore([{ fingerprint }]) }
    await expectCode(select(server, options).choose(), 'ERR_SERVER_KEY_CHANGED')
    const known = memoryStore([identity])
    await expectCode(
      select(server, { serverKeyPins: [foreign.fingerprint], knownServers: known }).choose(),
      'ERR_KEY_MISMATCH',
    )
  })

  it('that another program records at the same time is compared with its record', async () => {
    const server = await startStatementServer()
    const rsa = { fingerprint: server.rsaKey.publicKey.fingerprint }
    const late = (stored: { fingerprint: string }) => {
      const store = memoryStore()
      return {
        ...store,
        keysOf: async () => {
          const before = await store.keysOf()
          if (before.length === 0) store.known.push(stored)
          return before
        },
      }
    }
    const agreeing = late(rsa)
    await select(server, { knownServers: agreeing }).choose()
    expect(agreeing.known).toEqual([rsa, identity])
    const other = late({ fingerprint: foreign.fingerprint })
    await expectCode(select(server, { knownServers: other }).choose(), 'ERR_SERVER_KEY_CHANGED')
    expect(other.known).toHaveLength(1)
  })

  it('is remembered by fingerprint alone in a store that keeps nothing else', async () => {
    const server = await startStatementServer()
    const known: string[] = []
    const knownServers = {
      fingerprintsOf: () => Promise.resolve([...known]),
      add: (_server: string, fingerprint: string) => Promise.resolve(void known.push(fingerprint)),
    }
    const { fingerprint } = server.rsaKey.publicKey
    await select(server, { knownServers }).choose()
    expect(await select(server, { knownServers }).choose()).toMatchObject({ reason: 'known' })
    expect(known).toEqual([ours.fingerprint, fingerprint])
    const atomic = {
      ...knownServers,
      addFirst: (_server: string, added: string) => {
        const before = [...known]
        if (before.length === 0) known.push(added)
        return Promise.resolve(before)
      },
    }
    known.length = 0
    await select(server, { knownServers: atomic }).choose()
    expect(known).toEqual([ours.fingerprint, fingerprint])
    known.length = 0
    const late = {
      ...atomic,
      fingerprintsOf: async () => {
        const before = await atomic.fingerprintsOf()
        if (before.length === 0) known.push(foreign.fingerprint)
        return before
      },
    }
    await expectCode(select(server, { knownServers: late }).choose(), 'ERR_SERVER_KEY_CHANGED')
    expect(known).toEqual([foreign.fingerprint])
  })

  it.each([
    ['nothing', undefined],
    ['fingerprints', [ours.fingerprint]],
    ['another form of the wire', [{ fingerprint: ours.fingerprint, wire: '2' }]],
    ['keys without a fingerprint', [{ wire: 2 }]],
  ])('is not unknown because its store returns %s', async (_, returned) => {
    const server = await startStatementServer()
    const wrong = { keysOf: () => Promise.resolve(returned as never) }
    const knownServers = { ...memoryStore(), ...wrong }
    await expectCode(select(server, { knownServers }).choose(), 'ERR_INVALID_OPTION')
    stripWire2(server)
    await expectCode(select(server, { knownServers }).choose(), 'ERR_INVALID_OPTION')
    const added = { addKeys: () => Promise.resolve(returned as never) }
    delete server.answers['GET /pki/wire2']
    await expectCode(
      select(server, { knownServers: { ...memoryStore(), ...added } }).choose(),
      'ERR_INVALID_OPTION',
    )
  })

  it('is not recorded when its statement cannot be used', async () => {
    const server = await startStatementServer()
    server.content = { keyList: Uint8Array.of(0, 4, 9, 0xff, 0xff, 1) }
    const knownServers = memoryStore()
    await expectCode(select(server, { knownServers }).choose(), 'ERR_STATEMENT_INVALID')
    expect(knownServers.known).toEqual([])
  })
})

describe('a statement that names no identities', () => {
  /** A gateway whose statement lacks the member, signed by these. */
  async function startNameless(...signers: IdentityKey[]): Promise<StatementServer> {
    const server = await startStatementServer()
    const { statement } = JSON.parse(Buffer.from(await server.document()).toString()) as {
      statement: string
    }
    const { identities: _, ...others } = JSON.parse(
      Buffer.from(statement, 'base64').toString(),
    ) as Record<string, unknown>
    const document = await signStatement(Buffer.from(JSON.stringify(others)), signers)
    server.answers['GET /pki/wire2'] = (response) => response.end(document)
    return server
  }
  const rsaOf = ({ rsaKey }: StatementServer) => rsaKey.publicKey.fingerprint

  it('is trusted for a pinned signer, and records no other one', async () => {
    const server = await startNameless(foreign, ours)
    const knownServers = memoryStore()
    const options = { serverKeyPins: [ours.fingerprint], knownServers }
    const choice = await select(server, options).choose()
    expect(choice).toMatchObject({ reason: 'pinned', identity: ours.fingerprint })
    expect(knownServers.known).toEqual([identity, { fingerprint: rsaOf(server) }])
  })

  it('is trusted for a known signer, and records no other one', async () => {
    const server = await startNameless(foreign, ours)
    const knownServers = memoryStore([identity])
    expect(await select(server, { knownServers }).choose()).toMatchObject({ reason: 'known' })
    expect(knownServers.known).toEqual([identity, { fingerprint: rsaOf(server) }])
  })

  it('is trusted at first use with one signer, and not with two', async () => {
    const knownServers = memoryStore()
    const choice = await select(await startNameless(ours), { knownServers }).choose()
    expect(choice).toMatchObject({ reason: 'first-use', identity: ours.fingerprint })
    const two = await startNameless(ours, foreign)
    for (const options of [{ knownServers: memoryStore() }, {}]) {
      await expectCode(select(two, options).choose(), 'ERR_STATEMENT_INVALID')
    }
  })

  it('is not trusted for the word of an RSA key', async () => {
    const server = await startNameless(foreign)
    const stores = { knownServers: memoryStore([{ fingerprint: rsaOf(server) }]) }
    for (const options of [{ serverKeyPins: [rsaOf(server)] }, stores]) {
      await expectCode(select(server, options).choose(), 'ERR_STATEMENT_INVALID')
    }
    expect(vouches(server)).toBe(0)
  })
})
