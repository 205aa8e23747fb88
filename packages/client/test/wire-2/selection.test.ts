import { expectCode } from '@nomyo-internal/testing'
import {
  createRequestKey,
  encodeKeyList,
  encodeStatement,
  loadClassicKem,
  openRequest,
  sealRequest,
  signStatement,
} from '@nomyo/crypto/wire-2'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  foreign,
  keyList,
  memoryStore,
  ours,
  requestKey,
  select,
  startStatementServer,
} from './support.js'

const HOUR_SECONDS = 3600
const signal = new AbortController().signal

afterEach(() => {
  vi.restoreAllMocks()
})

/** Lets the clock of held choices run ahead. */
function later(seconds: number): void {
  const now = performance.now()
  vi.spyOn(performance, 'now').mockReturnValue(now + seconds * 1000)
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000)

describe('the choice of wire 2', () => {
  it('has a key that the gateway opens', async () => {
    const server = await startStatementServer()
    const choice = await select(server).choose()
    if (choice.wire !== 2) throw new Error('wire 1')
    const message = new TextEncoder().encode('a message')
    const sealed = await sealRequest(choice.kem, choice.config, message)
    const opener = openRequest([requestKey])
    const parts = [...(await opener.push(sealed.body)), await opener.end()]
    expect(Buffer.concat(parts).toString()).toBe('a message')
    expect(choice.document).toEqual(new Uint8Array(await server.document()))
  })

  it('is made once for all requests', async () => {
    const server = await startStatementServer()
    const { choose } = select(server)
    const choices = await Promise.all(Array.from({ length: 10 }, () => choose()))
    expect(new Set(choices).size).toBe(1)
    expect(server.seen).toEqual(['GET /pki/wire2'])
  })

  it('goes on for others when one gives up', async () => {
    const server = await startStatementServer()
    let release = (): void => undefined
    const started = new Promise<void>((resolve) => {
      server.answers['GET /pki/wire2'] = async (response) => {
        const document = await server.document()
        release = () => void response.end(document)
        resolve()
      }
    })
    const { choose } = select(server)
    const impatient = new AbortController()
    const first = choose(impatient.signal)
    const second = choose()
    await started
    impatient.abort()
    await expectCode(first, 'ERR_ABORTED')
    release()
    expect(await second).toMatchObject({ wire: 2 })
    expect(server.seen).toHaveLength(1)
  })

  it('leaves a key of another KEM or suite alone', async () => {
    const classic = await createRequestKey(await loadClassicKem(), { id: 9 })
    const server = await startStatementServer()
    server.content = { keyList: encodeKeyList([classic, requestKey]) }
    expect(await select(server).choose()).toMatchObject({ config: { kemId: 0x647a, keyId: 7 } })
    server.content = { keyList: encodeKeyList([classic]) }
    await expectCode(select(server).choose(), 'ERR_STATEMENT_INVALID')
    const weak = Uint8Array.from(keyList)
    // AES-128-GCM in place of AES-256-GCM.
    weak[weak.length - 5] = 1
    server.content = { keyList: weak }
    await expectCode(select(server).choose(), 'ERR_STATEMENT_INVALID')
  })
})

describe('a statement', () => {
  it('is fetched again after half its life', async () => {
    const server = await startStatementServer()
    const now = nowSeconds()
    server.content = { notBefore: now, notAfter: now + 2 * HOUR_SECONDS }
    const { choose } = select(server)
    await choose()
    later(HOUR_SECONDS - 10)
    await choose()
    expect(server.seen).toHaveLength(1)
    later(HOUR_SECONDS + 10)
    await choose()
    expect(server.seen).toHaveLength(2)
  })

  it('serves for a minute at least, for a clock that is ahead', async () => {
    const server = await startStatementServer()
    const now = nowSeconds()
    server.content = { notBefore: now - 1.5 * HOUR_SECONDS, notAfter: now + HOUR_SECONDS / 2 }
    const { choose } = select(server)
    await choose()
    later(50)
    await choose()
    expect(server.seen).toHaveLength(1)
    later(15)
    await choose()
    expect(server.seen).toHaveLength(2)
  })

  it('is not used after its life, however long the machine slept', async () => {
    const server = await startStatementServer()
    const now = nowSeconds()
    server.content = { notBefore: now, notAfter: now + 2 * HOUR_SECONDS }
    const { choose } = select(server)
    await choose()
    vi.spyOn(Date, 'now').mockReturnValue((now + 2 * HOUR_SECONDS + 1) * 1000)
    await expectCode(choose(), 'ERR_STATEMENT_EXPIRED')
  })

  it('is renewed where the gateway no longer has its keys, once for all', async () => {
    const server = await startStatementServer()
    const { choose, selection } = select(server)
    const choice = await choose()
    const used = choice.wire === 2 ? choice.statement.sha256 : ''
    expect(await selection.renew(used, signal)).toBe(false)
    expect(server.seen).toHaveLength(2)
    server.content = { maxChunk: 16_384 }
    const renewed = await Promise.all([
      selection.renew(used, signal),
      selection.renew(used, signal),
    ])
    expect(renewed).toEqual([true, true])
    expect(server.seen).toHaveLength(3)
    expect(await selection.renew(used, signal)).toBe(true)
    expect(server.seen).toHaveLength(3)
    expect(await choose()).toMatchObject({ statement: { maxChunk: 16_384 } })
  })

  it.each([-3 * HOUR_SECONDS, 3 * HOUR_SECONDS])(
    'that is not valid for a clock that is %d s off is an error that names the clock',
    async (offset) => {
      const server = await startStatementServer()
      const document = await server.document()
      server.answers['GET /pki/wire2'] = (response) => response.end(document)
      const now = Date.now()
      vi.spyOn(Date, 'now').mockReturnValue(now + offset * 1000)
      const failing = select(server).choose()
      await expectCode(failing, 'ERR_STATEMENT_EXPIRED')
      await expect(failing).rejects.toThrow(/clock/)
    },
  )

  it('that was altered, or signed by none that it names, is refused and records nothing', async () => {
    const server = await startStatementServer()
    const knownServers = memoryStore()
    const genuine = JSON.parse(Buffer.from(await server.document()).toString()) as {
      statement: string
      signatures: { identity: string; signature: string }[]
    }
    const bytes = Buffer.from(genuine.statement, 'base64')
    const altered = Buffer.from(bytes.toString().replace('65536', '65537'))
    const otherList = encodeStatement({
      notBefore: nowSeconds(),
      notAfter: nowSeconds() + HOUR_SECONDS,
      keyList: encodeKeyList([await createRequestKey(await loadClassicKem(), { id: 1 })]),
      minWire: '1.0',
      rsaKeys: [],
      identities: [ours.fingerprint],
      maxRequest: 2 ** 24,
      maxChunk: 65_536,
      routes: [],
    })
    const documents = [
      { ...genuine, statement: altered.toString('base64') },
      { ...genuine, statement: Buffer.from(otherList).toString('base64') },
      { ...genuine, signatures: [] },
      JSON.parse(Buffer.from(await signStatement(bytes, [foreign])).toString()) as unknown,
    ]
    for (const document of documents) {
      server.answers['GET /pki/wire2'] = (response) => response.end(JSON.stringify(document))
      await expectCode(select(server, { knownServers }).choose(), 'ERR_STATEMENT_INVALID')
    }
    expect(knownServers.known).toEqual([])
  })

  it('is asked for without an API key, and so is its vouch', async () => {
    const server = await startStatementServer()
    const pins = [server.rsaKey.publicKey.fingerprint]
    await select(server, { serverKeyPins: pins, apiKey: 'a-key-of-sixteen-characters' }).choose()
    expect(server.seen).toHaveLength(3)
    expect(server.authorizations).toEqual([])
  })
})
