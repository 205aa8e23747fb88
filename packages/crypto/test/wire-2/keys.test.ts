import { createPrivateKey, createPublicKey, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  answerVouch,
  createRequestKey,
  createVouch,
  encodeKeyList,
  encodeStatement,
  generateIdentityKey,
  importIdentityKey,
  parseKeyList,
  parseKeyStatement,
  signStatement,
  type StatementContent,
} from '../../src/wire-2/index.js'
import { x25519Kem } from '../../src/wire-2/kem/x25519.js'
import {
  concat,
  expectRefusal,
  fromBase64,
  refusalCodeOf,
  textOf,
  toBase64,
  toHex,
  utf8,
} from '../support.js'
import { javaScriptHybridKem } from '../../src/wire-2/kem/combined.js'

const hybrid = await javaScriptHybridKem()
const hybridKey = await createRequestKey(hybrid, { id: 200 })
const classicKey = await createRequestKey(x25519Kem, { id: 201 })
const list = encodeKeyList([hybridKey, classicKey])

describe('the key list', () => {
  it('has the bytes of RFC 9458', () => {
    const suites = '0008' + '00010002' + '00010001'
    expect(toHex(list)).toBe(
      `04cdc8647a${toHex(hybridKey.publicKey)}${suites}` +
        `002dc90020${toHex(classicKey.publicKey)}${suites}`,
    )
    expect(encodeKeyList([hybridKey])).toHaveLength(1231)
  })

  it('is read as it was written', () => {
    const suites = [
      { kdfId: 1, aeadId: 2 },
      { kdfId: 1, aeadId: 1 },
    ]
    expect(parseKeyList(list)).toEqual([
      { keyId: 200, kemId: 0x647a, publicKey: hybridKey.publicKey, suites },
      { keyId: 201, kemId: 0x0020, publicKey: classicKey.publicKey, suites },
    ])
  })

  it('may have keys of unknown KEMs, which are left out', () => {
    const unknown = Uint8Array.of(0, 4, 9, 0xff, 0xff, 1)
    expect(parseKeyList(concat(unknown, list)).map(({ keyId }) => keyId)).toEqual([200, 201])
    expect(parseKeyList(unknown)).toEqual([])
  })

  it('is refused at every length but its own', async () => {
    const boundary = 1231
    for (let length = 0; length < list.length; length++) {
      const part = list.subarray(0, length)
      if (length === boundary) expect(parseKeyList(part)).toHaveLength(1)
      else await expectRefusal(() => parseKeyList(part), 'ERR_KEY_INVALID')
    }
    await expectRefusal(() => parseKeyList(concat(list, Uint8Array.of(0))), 'ERR_KEY_INVALID')
  })

  const entry = (...bytes: number[]): Uint8Array =>
    Uint8Array.of(bytes.length >> 8, bytes.length, ...bytes)
  const classic = [0, 0x20, ...classicKey.publicKey]
  it.each([
    ['no suites', entry(1, ...classic, 0, 0)],
    ['half a suite', entry(1, ...classic, 0, 2, 0, 1)],
    ['suites beyond the entry', entry(1, ...classic, 0, 8, 0, 1, 0, 2)],
    ['bytes behind the suites', entry(1, ...classic, 0, 4, 0, 1, 0, 2, 0)],
    [
      'an id twice',
      concat(entry(1, ...classic, 0, 4, 0, 1, 0, 2), entry(1, ...classic, 0, 4, 0, 1, 0, 2)),
    ],
    ['an empty entry', Uint8Array.of(0, 0)],
    ['only an id', entry(1)],
    ['more than 64 KiB', new Uint8Array(65_537)],
  ])('is refused as a whole with %s', async (_, wrong) => {
    await expectRefusal(() => parseKeyList(wrong), 'ERR_KEY_INVALID')
  })

  it('of any bytes is refused or read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: list.length - 1 }), fc.nat({ max: 255 }), async (at, byte) => {
        const altered = new Uint8Array(list)
        altered[at] = byte
        const code = await refusalCodeOf(() => parseKeyList(altered)).catch(() => 'read')
        expect(['read', 'ERR_KEY_INVALID']).toContain(code)
      }),
    )
  })

  it('is not written for no keys or one id twice', async () => {
    await expectRefusal(() => encodeKeyList([]), 'ERR_ARGUMENT_INVALID')
    await expectRefusal(() => encodeKeyList([hybridKey, hybridKey]), 'ERR_ARGUMENT_INVALID')
    for (const id of [-1, 256, 1.5]) {
      await expectRefusal(() => createRequestKey(x25519Kem, { id }), 'ERR_ARGUMENT_INVALID')
    }
  })
})

const { key: identity, pkcs8Der } = await generateIdentityKey()
const { key: otherIdentity } = await generateIdentityKey()

describe('the identity key', () => {
  it('is the key that Node reads, and signs the labelled statement', async () => {
    const nodeKey = createPrivateKey({ key: Buffer.from(pkcs8Der), format: 'der', type: 'pkcs8' })
    const publicKey = createPublicKey(nodeKey)
    const spki = publicKey.export({ format: 'der', type: 'spki' })
    expect(toHex(identity.spkiDer)).toBe(toHex(spki))
    const signature = await identity.sign(utf8('{}'))
    const signed = utf8('nomyo wire 2 key statement\0{}')
    expect(verify(null, signed, publicKey, signature)).toBe(true)
  })

  it('has a fingerprint in the form of a pin, also after an import', async () => {
    const digest = await crypto.subtle.digest('SHA-256', identity.spkiDer)
    expect(identity.fingerprint).toBe(`sha256/${toBase64(new Uint8Array(digest))}`)
    expect((await importIdentityKey(pkcs8Der)).fingerprint).toBe(identity.fingerprint)
  })

  it.each([0, 47, 49])('is not read from %i bytes', async (length) => {
    await expectRefusal(() => importIdentityKey(new Uint8Array(length)), 'ERR_KEY_INVALID')
  })

  it('is not an X25519 key', async () => {
    const x25519 = new Uint8Array(pkcs8Der)
    x25519[11] = 0x6e
    await expectRefusal(() => importIdentityKey(x25519), 'ERR_KEY_INVALID')
  })
})

const START = 1_700_000_000
const content: StatementContent = {
  notBefore: START,
  notAfter: START + 7200,
  keyList: list,
  minWire: '1.0',
  rsaKeys: [identity.fingerprint],
  identities: [identity.fingerprint, otherIdentity.fingerprint],
  maxRequest: 16_777_216,
  maxChunk: 65_536,
  routes: ['POST /v1/chat/completions', 'GET /v1/models/{id}'],
}
const statement = encodeStatement(content)
const published = await signStatement(statement, [identity])
const at = { now: START + 60 }

/** Signs a statement of any bytes. */
const signed = (text: string): Promise<Uint8Array> => signStatement(utf8(text), [identity])

describe('the key statement', () => {
  it('is read as it was written', async () => {
    const read = await parseKeyStatement(published, at)
    const expected = { ...content, identities: [identity.fingerprint], namesIdentities: true }
    expect(read).toMatchObject(expected)
    expect(read.keys.map(({ keyId }) => keyId)).toEqual([200, 201])
    expect(toHex(read.bytes)).toBe(toHex(statement))
    const digest = await crypto.subtle.digest('SHA-256', statement)
    expect(read.sha256).toBe(toHex(new Uint8Array(digest)))
  })

  it('has the members of the wire, in their order', () => {
    expect(JSON.parse(textOf(statement))).toEqual({
      type: 'nomyo-wire2/1',
      not_before: START,
      not_after: START + 7200,
      ohttp_keys: toBase64(list),
      path: '/.well-known/ohttp-gateway',
      min_wire: '1.0',
      rsa_keys: [identity.fingerprint],
      identities: [identity.fingerprint, otherIdentity.fingerprint],
      max_request: 16_777_216,
      max_chunk: 65_536,
      routes: content.routes,
    })
    const document = JSON.parse(textOf(published)) as { statement: string; signatures: unknown[] }
    expect(toHex(fromBase64(document.statement))).toBe(toHex(statement))
    expect(document.signatures).toEqual([
      {
        identity: toBase64(identity.spkiDer),
        signature: expect.stringMatching(/^.{86}==$/) as string,
      },
    ])
  })

  it('names a limit of uploads where there is one', async () => {
    const more = encodeStatement({ ...content, maxUpload: 134_217_728 })
    expect(JSON.parse(textOf(more))).toMatchObject({ max_upload: 134_217_728 })
    const read = await parseKeyStatement(await signStatement(more, [identity]), at)
    expect(read.maxUpload).toBe(134_217_728)
    expect((await parseKeyStatement(published, at)).maxUpload).toBeUndefined()
  })

  it('counts the identities whose signature is valid, and only these', async () => {
    const both = await signStatement(statement, [identity, otherIdentity])
    expect((await parseKeyStatement(both, at)).identities).toEqual([
      identity.fingerprint,
      otherIdentity.fingerprint,
    ])
    const document = JSON.parse(textOf(both)) as {
      statement: string
      signatures: Record<string, string>[]
    }
    const [one, two] = document.signatures
    const swapped = { ...document, signatures: [one, { ...two, signature: one?.['signature'] }] }
    expect((await parseKeyStatement(utf8(JSON.stringify(swapped)), at)).identities).toEqual([
      identity.fingerprint,
    ])
    const none = { ...document, signatures: [{ ...one, identity: two?.['identity'] }] }
    for (const wrong of [none, { ...document, signatures: [] }]) {
      await expectRefusal(
        () => parseKeyStatement(utf8(JSON.stringify(wrong)), at),
        'ERR_STATEMENT_INVALID',
      )
    }
  })

  it('does not count an identity that signed it and is not named in it', async () => {
    const own = encodeStatement({ ...content, identities: [identity.fingerprint] })
    const joined = await signStatement(own, [identity, otherIdentity])
    expect((await parseKeyStatement(joined, at)).identities).toEqual([identity.fingerprint])
    const replaced = await signStatement(own, [otherIdentity])
    await expectRefusal(() => parseKeyStatement(replaced, at), 'ERR_STATEMENT_INVALID')
  })

  it('that names no identities counts every valid signature, and says so', async () => {
    const { identities: _, ...others } = JSON.parse(textOf(statement)) as Record<string, unknown>
    const document = await signStatement(utf8(JSON.stringify(others)), [identity, otherIdentity])
    expect(await parseKeyStatement(document, at)).toMatchObject({
      identities: [identity.fingerprint, otherIdentity.fingerprint],
      namesIdentities: false,
    })
  })

  it('names both times and that of the clock when it is not valid now', async () => {
    const failing = parseKeyStatement(published, { now: START - 86_400 })
    await expect(failing).rejects.toThrow(
      /2023-11-14T22:13:20.* 2023-11-15T00:13:20.* 2023-11-13T22:13:20/,
    )
  })

  it.each([
    [START - 301, 'ERR_STATEMENT_EXPIRED'],
    [START + 7201, 'ERR_STATEMENT_EXPIRED'],
    [NaN, 'ERR_STATEMENT_EXPIRED'],
    [START - 300, 'valid'],
    [START + 7200, 'valid'],
  ])('at %d is %s', async (now, outcome) => {
    const result = await refusalCodeOf(() => parseKeyStatement(published, { now })).catch(
      () => 'valid',
    )
    expect(result).toBe(outcome)
  })

  const members = JSON.parse(textOf(statement)) as Record<string, unknown>
  const changed = (change: Record<string, unknown>): string =>
    JSON.stringify({ ...members, ...change })
  it.each([
    ['another type', changed({ type: 'nomyo-wire2/2' })],
    ['another path', changed({ path: '/elsewhere' })],
    ['a path on another host', changed({ path: '//x/.well-known/ohttp-gateway' })],
    ['no times', changed({ not_before: undefined })],
    ['times that are texts', changed({ not_before: String(START) })],
    ['times of a fraction', changed({ not_before: START + 0.5 })],
    ['an end before its start', changed({ not_after: START })],
    ['a life of more than 49 hours', changed({ not_after: START + 49 * 3600 + 1 })],
    ['another wire', changed({ min_wire: '3' })],
    ['keys that are no base64', changed({ ohttp_keys: '*' })],
    ['keys that are a number', changed({ ohttp_keys: 1 })],
    ['pins that are none', changed({ rsa_keys: ['sha256/x'] })],
    ['a pin that is no list', changed({ rsa_keys: identity.fingerprint })],
    ['identities that are no list', changed({ identities: identity.fingerprint })],
    ['identities that are null', changed({ identities: null })],
    ['an empty list of identities', changed({ identities: [] })],
    ['nine identities', changed({ identities: Array(9).fill(identity.fingerprint) })],
    ['identities that are no pins', changed({ identities: ['x'] })],
    ['a limit that is too low', changed({ max_chunk: 16_383 })],
    ['a limit that is a text', changed({ max_request: '1e9' })],
    ['uploads that are smaller than requests', changed({ max_upload: 16_777_215 })],
    ['a limit of uploads that is null', changed({ max_upload: null })],
    ['routes that are none', changed({ routes: ['POST'] })],
    ['a member twice', textOf(statement).replace('{', '{"min_wire":"2",')],
    ['a member twice, once escaped', textOf(statement).replace('{', '{"min_\\u0077ire":"2",')],
    ['a member twice within another', textOf(statement).replace('{', '{"x":[{"a":1,"a":2}],')],
    ['more than 8 KiB', changed({ x: 'x'.repeat(8192) })],
    ['deep nesting', `{"x":${'['.repeat(100)}${']'.repeat(100)}}`],
    ['an array', '[]'],
    ['no JSON', 'x'],
    ['a byte order mark', `\ufeff${textOf(statement)}`],
  ])('is refused with %s', async (_, text) => {
    const document = await signed(text)
    await expectRefusal(() => parseKeyStatement(document, at), 'ERR_STATEMENT_INVALID')
  })

  it('may have members that are unknown', async () => {
    const text = changed({ x: { a: ':', b: ['"', '\\', '{"a":1}'], __proto__: null }, '': 1 })
    expect((await parseKeyStatement(await signed(text), at)).sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  it('is refused with a malformed key list', async () => {
    const document = await signed(changed({ ohttp_keys: toBase64(list.subarray(1)) }))
    await expectRefusal(() => parseKeyStatement(document, at), 'ERR_KEY_INVALID')
  })

  it('is refused when any byte of it was altered', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: published.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (position, bits) => {
          const altered = new Uint8Array(published)
          altered[position] = (altered[position] ?? 0) ^ bits
          const code = await refusalCodeOf(() => parseKeyStatement(altered, at)).catch(
            () => 'valid',
          )
          expect(code).toBe('ERR_STATEMENT_INVALID')
        },
      ),
    )
  })

  it.each([
    ['a document that is too large', `{"x":"${'x'.repeat(16_384)}"}`],
    ['a document with a member twice', textOf(published).replace('{', '{"statement":"e30=",')],
    [
      'signatures that are no list',
      JSON.stringify({ statement: toBase64(statement), signatures: {} }),
    ],
    [
      'signatures that are no objects',
      JSON.stringify({ statement: toBase64(statement), signatures: [1] }),
    ],
    [
      'nine signatures',
      JSON.stringify({ statement: toBase64(statement), signatures: Array(9).fill({}) }),
    ],
    ['no statement', '{"signatures":[]}'],
  ])('is refused in %s', async (_, document) => {
    await expectRefusal(() => parseKeyStatement(utf8(document), at), 'ERR_STATEMENT_INVALID')
  })

  it.each([
    { notAfter: START },
    { maxChunk: 1 },
    { rsaKeys: ['x'] },
    { identities: [] },
    { identities: undefined as unknown as string[] },
    { routes: ['x'] },
    { keyList: new Uint8Array(8000) },
  ])('is not written with %o', async (change) => {
    await expectRefusal(() => encodeStatement({ ...content, ...change }), 'ERR_ARGUMENT_INVALID')
  })

  it('is signed by one identity or more', async () => {
    await expectRefusal(() => signStatement(statement, []), 'ERR_ARGUMENT_INVALID')
  })
})

describe('vouching', () => {
  it('proves that both ends know the secret and mean the same statement', async () => {
    const { request, verify: check } = await createVouch(statement)
    const answer = await answerVouch(request, statement)
    expect(await check(answer ?? new Uint8Array())).toBe(true)
    await expectRefusal(() => check(answer ?? new Uint8Array()), 'ERR_KEY_DISPOSED')
  })

  it('has the bytes of the wire', async () => {
    const { request } = await createVouch(statement)
    const question = JSON.parse(textOf(request)) as Record<string, string>
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', statement))
    expect(question).toEqual({
      type: 'nomyo-wire2-vouch',
      secret: expect.stringMatching(/^.{43}=$/) as string,
      statement_sha256: toHex(hash),
    })
    const { createHmac } = await import('node:crypto')
    const mac = createHmac('sha256', Buffer.from(question['secret'] ?? '', 'base64'))
      .update(concat(utf8('nomyo wire 2 vouch\0'), hash))
      .digest('base64')
    const answer = await answerVouch(request, statement)
    expect(JSON.parse(textOf(answer ?? new Uint8Array()))).toEqual({ mac })
  })

  it('of another secret or statement proves nothing', async () => {
    const other = encodeStatement({ ...content, maxChunk: 16_384 })
    const { request } = await createVouch(statement)
    expect(await answerVouch(request, other)).toBeUndefined()
    const another = await createVouch(statement)
    const answer = await answerVouch(request, statement)
    expect(await another.verify(answer ?? new Uint8Array())).toBe(false)
  })

  it.each(['', '{}', '{"mac":1}', '{"mac":"*"}', `{"mac":"","mac":""}`])(
    'refuses the answer %s',
    async (text) => {
      const { verify: check } = await createVouch(statement)
      await expectRefusal(() => check(utf8(text)), 'ERR_PLAINTEXT_INVALID')
    },
  )

  it('a MAC of another length proves nothing', async () => {
    for (const mac of ['', 'AAAA', toBase64(new Uint8Array(33))]) {
      const { verify: check } = await createVouch(statement)
      expect(await check(utf8(JSON.stringify({ mac })))).toBe(false)
    }
  })

  it('refuses malformed questions', async () => {
    const { request } = await createVouch(statement)
    const question = JSON.parse(textOf(request)) as Record<string, unknown>
    for (const change of [
      { type: 'x' },
      { secret: 1 },
      { secret: 'AAAA' },
      { secret: undefined },
    ]) {
      const wrong = utf8(JSON.stringify({ ...question, ...change }))
      await expectRefusal(() => answerVouch(wrong, statement), 'ERR_PLAINTEXT_INVALID')
    }
    await expectRefusal(() => answerVouch(utf8('x'), statement), 'ERR_PLAINTEXT_INVALID')
  })
})
