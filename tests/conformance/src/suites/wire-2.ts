import type * as Crypto from '@nomyo/crypto'
import type * as Library from '@nomyo/crypto/wire-2'
import { codeOf, equal, rejectionOf, sameJson, textOf, thrownBy, utf8 } from './case.js'
import type { Case, Suite } from './case.js'
import type { Loopback } from '../loopback.js'

/** The exports under test of `@nomyo/crypto/wire-2`, and the class of its errors. */
export interface Wire2Libraries {
  readonly crypto: typeof Crypto
  readonly wire2: typeof Library
}

/** The published vectors, and those of X-Wing; bytes are hexadecimal. */
export interface Wire2Vectors {
  readonly exchanges: readonly {
    name: string
    kem: number
    key_id: number
    recipient_seed: string
    public_key: string
    enc: string
    shared_secret: string
    request: string
    request_chunks: readonly string[]
  }[]
  readonly refused_requests: readonly { name: string; exchange: number; request: string }[]
  readonly messages: readonly {
    kind: 'request' | 'response'
    fields: readonly Library.Field[]
    content: string
    encoded: string
  }[]
  readonly key_list: {
    readonly encoded: string
    readonly keys: readonly { id: number; kem: number; public_key: string }[]
  }
  readonly statements: readonly {
    name: string
    document: string
    now: number
    refused?: true
    identities?: readonly string[]
    sha256?: string
  }[]
  readonly xWing: readonly Readonly<Record<'seed' | 'pk' | 'ct' | 'ss', string>>[]
}

/** Wire 2: the vectors, what is sealed here and changed on its way, and the gateway on loopback. */
export function wire2Suite(
  libraries: Wire2Libraries,
  vectors: Wire2Vectors,
  loopback: Loopback,
): Suite {
  return {
    name: 'wire 2',
    cases: [
      ...keyCases(libraries, vectors),
      ...vectors.exchanges.map((exchange) => opensVector(libraries, exchange)),
      ...vectors.refused_requests.map((refused) => refusesVector(libraries, vectors, refused)),
      ...vectors.messages.map((message) => readsMessage(libraries, message)),
      ...vectors.statements.map((statement) => readsStatement(libraries, statement)),
      ...exchangeCases(libraries),
      ...gatewayCases(libraries, loopback),
    ],
  }
}

const fromHex = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16))

const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

const kemOf = ({ wire2 }: Wire2Libraries, id: number): Promise<Library.Kem> =>
  id === 0x20 ? wire2.loadClassicKem() : wire2.loadHybridKem()

/** Feeds a message in parts, and returns its whole plaintext. */
async function openAll(
  opener: Library.ChunkOpener,
  message: Uint8Array,
  partBytes = 1000,
  take: (chunk: Uint8Array) => void = () => undefined,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < message.length; at += partBytes) {
    const opened = await opener.push(message.subarray(at, at + partBytes))
    opened.forEach(take)
    chunks.push(...opened)
  }
  return join(...chunks, await opener.end())
}

const refusal = async ({ crypto }: Wire2Libraries, promise: Promise<unknown>): Promise<string> =>
  codeOf(await rejectionOf(promise), crypto.SecurityError)

function keyCases(libraries: Wire2Libraries, vectors: Wire2Vectors): Case[] {
  const { crypto, wire2 } = libraries
  return [
    {
      name: 'computes the keys and secrets of X-Wing',
      run: async () => {
        const kem = await wire2.loadHybridKem()
        for (const { seed, pk, ct, ss } of vectors.xWing) {
          const key = await kem.importKey(fromHex(seed))
          equal(toHex(key.publicKey), pk)
          equal(toHex(await key.decapsulate(fromHex(ct))), ss)
          const { enc, sharedSecret } = await kem.encapsulate(key.publicKey)
          equal(toHex(await key.decapsulate(enc)), toHex(sharedSecret))
        }
        equal(vectors.xWing.length, 3)
      },
    },
    {
      name: 'refuses malformed keys and encapsulations',
      run: async () => {
        for (const id of [0x20, 0x647a]) {
          const kem = await kemOf(libraries, id)
          const key = await kem.importKey(new Uint8Array(32).fill(1))
          const { enc } = await kem.encapsulate(key.publicKey)
          // An X25519 point of small order: the secret would be zero.
          const [weakKey, weakEnc] = [key.publicKey, enc].map((bytes) => {
            const weak = Uint8Array.from(bytes)
            return weak.fill(0, weak.length - 32)
          })
          equal(await refusal(libraries, kem.encapsulate(weakKey!)), 'ERR_KEY_INVALID')
          equal(await refusal(libraries, key.decapsulate(weakEnc!)), 'ERR_DECRYPTION_FAILED')
          const short = enc.subarray(1)
          equal(await refusal(libraries, key.decapsulate(short)), 'ERR_DECRYPTION_FAILED')
          if (id === 0x20) continue
          const unreduced = Uint8Array.from(key.publicKey).fill(0xff, 0, 384)
          equal(await refusal(libraries, kem.encapsulate(unreduced)), 'ERR_KEY_INVALID')
        }
      },
    },
    {
      name: 'reads a key list, and refuses it cut at any length',
      run: async () => {
        const { encoded, keys } = vectors.key_list
        const list = fromHex(encoded)
        const read = wire2.parseKeyList(list).map(({ keyId, kemId, publicKey }) => ({
          id: keyId,
          kem: kemId,
          public_key: toHex(publicKey),
        }))
        sameJson(read, keys)
        for (let length = 0; length < list.length; length += 7) {
          const error = await thrownBy(() => wire2.parseKeyList(list.subarray(0, length)))
          equal(codeOf(error, crypto.SecurityError), 'ERR_KEY_INVALID')
        }
      },
    },
    {
      name: 'signs a key statement, and reads it',
      run: async () => {
        const { key } = await wire2.generateIdentityKey()
        const statement = wire2.encodeStatement({
          identities: [key.fingerprint],
          notBefore: 1000,
          notAfter: 2000,
          keyList: fromHex(vectors.key_list.encoded),
          minWire: '1.0',
          rsaKeys: [],
          maxRequest: 1_000_000,
          maxChunk: 65_536,
          routes: ['POST /v1/chat/completions'],
        })
        const document = await wire2.signStatement(statement, [key])
        const { identities } = await wire2.parseKeyStatement(document, { now: 1500 })
        sameJson(identities, [key.fingerprint])
        const altered = utf8(textOf(document).replace('"statement":"ey', '"statement":"e3'))
        const reading = wire2.parseKeyStatement(altered, { now: 1500 })
        equal(await refusal(libraries, reading), 'ERR_STATEMENT_INVALID')
      },
    },
  ]
}

async function keyOfVector(
  libraries: Wire2Libraries,
  { kem, key_id: id, recipient_seed: seed }: Wire2Vectors['exchanges'][number],
): Promise<Library.RequestKey> {
  const { wire2 } = libraries
  return wire2.createRequestKey(await kemOf(libraries, kem), { id, seed: fromHex(seed) })
}

function opensVector(libraries: Wire2Libraries, exchange: Wire2Vectors['exchanges'][number]): Case {
  return {
    name: `opens ${exchange.name}`,
    run: async () => {
      const key = await keyOfVector(libraries, exchange)
      equal(toHex(key.publicKey), exchange.public_key)
      equal(toHex(await key.decapsulate(fromHex(exchange.enc))), exchange.shared_secret)
      for (const partBytes of [1, 100, 10_000]) {
        const opener = libraries.wire2.openRequest([key])
        const plaintext = await openAll(opener, fromHex(exchange.request), partBytes)
        equal(toHex(plaintext), exchange.request_chunks.join(''))
      }
    },
  }
}

function refusesVector(
  libraries: Wire2Libraries,
  { exchanges }: Wire2Vectors,
  { name, exchange, request }: Wire2Vectors['refused_requests'][number],
): Case {
  return {
    name: `refuses ${name}`,
    run: async () => {
      const key = await keyOfVector(libraries, exchanges[exchange]!)
      const opening = openAll(libraries.wire2.openRequest([key]), fromHex(request))
      equal((await refusal(libraries, opening)).startsWith('ERR_'), true)
    },
  }
}

function readsMessage(
  { wire2 }: Wire2Libraries,
  { kind, fields, content, encoded }: Wire2Vectors['messages'][number],
): Case {
  return {
    name: `reads a ${kind} in Binary HTTP, a byte at a time`,
    run: async () => {
      const reader = wire2.createBhttpReader(kind)
      const events = [...fromHex(encoded)].flatMap((byte) => reader.push(Uint8Array.of(byte)))
      events.push(...reader.end())
      const bytes = events.flatMap((event) => (event.type === 'content' ? [event.bytes] : []))
      equal(textOf(join(...bytes)), content)
      const head = events.find(({ type }) => type === kind)
      sameJson(head !== undefined && 'fields' in head && head.fields, fields)
    },
  }
}

function readsStatement(
  libraries: Wire2Libraries,
  { name, document, now, refused, identities, sha256 }: Wire2Vectors['statements'][number],
): Case {
  return {
    name: `key statement: ${name}`,
    run: async () => {
      const reading = libraries.wire2.parseKeyStatement(utf8(document), { now })
      if (refused === true) {
        equal((await refusal(libraries, reading)).startsWith('ERR_'), true)
        return
      }
      const statement = await reading
      sameJson([statement.identities, statement.sha256], [identities, sha256])
    },
  }
}

/** Both ends of an exchange, with an answer in some chunks. */
interface Exchange {
  readonly head: Uint8Array
  readonly chunks: readonly Uint8Array[]
  readonly final: Uint8Array
  readonly openAnswer: () => Library.ChunkOpener
}

function exchangeCases(libraries: Wire2Libraries): Case[] {
  const { wire2 } = libraries
  const withKey = async (id: number) => {
    const kem = await kemOf(libraries, id)
    const key = await wire2.createRequestKey(kem, { id: 1 })
    const [config] = wire2.parseKeyList(wire2.encodeKeyList([key]))
    return { kem, key, config: config! }
  }
  /** A client opens one answer: every change of it takes an exchange of its own. */
  const exchange = async (
    { kem, key, config }: Awaited<ReturnType<typeof withKey>>,
    parts = ['first', 'second', 'third'],
  ): Promise<Exchange> => {
    const { body, openAnswer } = await wire2.sealRequest(kem, config, utf8('question'))
    const request = wire2.openRequest([key])
    equal(textOf(await openAll(request, body)), 'question')
    const { head, seal } = await request.sealAnswer()
    const chunks: Uint8Array[] = []
    for (const part of parts) chunks.push(await seal(utf8(part)))
    return { head, chunks, final: await seal(utf8(' end'), { final: true }), openAnswer }
  }
  /** Changes of an answer, and the plaintext that precedes each. */
  const ways: Readonly<Record<string, readonly [(made: Exchange) => Uint8Array, given: string]>> = {
    'cut before its final chunk': [({ head, chunks }) => join(head, ...chunks), 'firstsecondthird'],
    'cut within its final chunk': [
      ({ head, chunks, final }) => join(head, ...chunks, final.subarray(0, -1)),
      'firstsecondthird',
    ],
    'with two chunks swapped': [
      ({ head, chunks: [a, b, c], final }) => join(head, b!, a!, c!, final),
      '',
    ],
    'without one of its chunks': [
      ({ head, chunks: [a, , c], final }) => join(head, a!, c!, final),
      'first',
    ],
    'with a chunk twice': [
      ({ head, chunks: [a, b, c], final }) => join(head, a!, b!, b!, c!, final),
      'firstsecond',
    ],
    'with an earlier chunk again': [
      ({ head, chunks: [a, b, c], final }) => join(head, a!, b!, c!, a!, final),
      'firstsecondthird',
    ],
    'with bytes behind its end': [
      ({ head, chunks, final }) => join(head, ...chunks, final, Uint8Array.of(0)),
      'firstsecondthird',
    ],
    'with a chunk of the middle as the final one': [
      ({ head, chunks: [a, b] }) => join(head, a!, Uint8Array.of(0), b!.subarray(1)),
      'first',
    ],
    'with the final chunk as one of the middle': [
      ({ head, chunks, final }) =>
        join(head, ...chunks, Uint8Array.of(final.length - 1), final.subarray(1)),
      'firstsecondthird',
    ],
    'with an empty chunk': [
      ({ head, chunks, final }) =>
        join(head, Uint8Array.of(16), new Uint8Array(16), ...chunks, final),
      '',
    ],
    'with another nonce': [
      ({ head, chunks, final }) => join(Uint8Array.from(head).fill(0), ...chunks, final),
      '',
    ],
  }
  return [
    ...[0x647a, 0x20].map((id) => ({
      name: `opens what it sealed, both ways, KEM ${id.toString(16)}`,
      run: async () => {
        const ends = await withKey(id)
        const { head, chunks, final, openAnswer } = await exchange(ends)
        const answer = await openAll(openAnswer(), join(head, ...chunks, final))
        equal(textOf(answer), 'firstsecondthird end')
      },
    })),
    ...[1024, 16_385, 1024 * 1024].map((size) => ({
      name: `carries a chat of ${size} bytes both ways`,
      run: async () => {
        const { kem, key, config } = await withKey(0x647a)
        const content = new Uint8Array(size).map((_, at) => (at * 31 + (at >> 8)) & 255)
        const limits = { maxChunk: 65_536 }
        const fields = [['content-type', 'application/json']] as const
        const control = { method: 'POST', scheme: 'https', authority: 'a', path: '/' }
        const message = wire2.encodeRequestParts({ ...control, fields, content })
        const { body, openAnswer } = await wire2.sealRequest(kem, config, message, limits)
        const request = wire2.openRequest([key], limits)
        const read = readContent(wire2, 'request', await openAll(request, body, 65_536))
        equal(isSame(read, content), true)
        const { head, seal } = await request.sealAnswer(limits)
        const response = wire2.createWholeResponse().finalParts({ status: 200, fields, content })
        const sealed = join(head, await seal(response, { final: true }))
        const answer = await openAll(openAnswer(limits), sealed, 65_536)
        equal(isSame(readContent(wire2, 'response', answer), content), true)
      },
    })),
    {
      name: 'refuses an answer cut at any length',
      run: async () => {
        const ends = await withKey(0x20)
        const { head, chunks, final } = await exchange(ends)
        const { length } = join(head, ...chunks, final)
        for (let cut = 0; cut < length; cut++) {
          const again = await exchange(ends)
          const whole = join(again.head, ...again.chunks, again.final)
          const code = await refusal(libraries, openAll(again.openAnswer(), whole.subarray(0, cut)))
          equal(['ERR_TRUNCATED', 'ERR_DECRYPTION_FAILED'].includes(code), true)
        }
      },
    },
    ...Object.entries(ways).map(([name, [change, given]]) => ({
      name: `refuses an answer ${name}, and gives what precedes that`,
      run: async () => {
        for (const partBytes of [1, 1000]) {
          const made = await exchange(await withKey(0x20))
          let text = ''
          const opening = openAll(made.openAnswer(), change(made), partBytes, (chunk) => {
            text += textOf(chunk)
          })
          const code = await refusal(libraries, opening)
          equal(code, name.startsWith('cut before') ? 'ERR_TRUNCATED' : 'ERR_DECRYPTION_FAILED')
          equal(text, given)
        }
      },
    })),
    {
      name: 'refuses the answer of another request, and a request under another key',
      run: async () => {
        const ends = await withKey(0x20)
        const [one, two] = [await exchange(ends), await exchange(ends)]
        const foreign = openAll(one.openAnswer(), join(two.head, ...two.chunks, two.final))
        equal(await refusal(libraries, foreign), 'ERR_DECRYPTION_FAILED')
        const { body } = await wire2.sealRequest(ends.kem, ends.config, utf8('question'))
        const { key } = await withKey(0x20)
        const opening = openAll(wire2.openRequest([key]), body)
        equal(await refusal(libraries, opening), 'ERR_DECRYPTION_FAILED')
      },
    },
    {
      name: 'refuses a request with any one of a hundred changes',
      run: async () => {
        const { kem, key, config } = await withKey(0x647a)
        const { body } = await wire2.sealRequest(kem, config, utf8('question'))
        for (let change = 0; change < 100; change++) {
          const changed = Uint8Array.from(body)
          const at = Math.floor((change * body.length) / 100)
          changed[at] = (body[at] ?? 0) ^ 1
          const code = await refusal(libraries, openAll(wire2.openRequest([key]), changed))
          equal(code.startsWith('ERR_'), true)
        }
      },
    },
  ]
}

function readContent(
  wire2: typeof Library,
  kind: 'request' | 'response',
  message: Uint8Array,
): Uint8Array {
  const reader = wire2.createBhttpReader(kind)
  const events = [...reader.push(message), ...reader.end()]
  return join(...events.flatMap((event) => (event.type === 'content' ? [event.bytes] : [])))
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, at) => byte === other[at])

/** The gateway, asked with `fetch` of the runtime. */
function gatewayCases(libraries: Wire2Libraries, { gateway, apiKey }: Loopback): Case[] {
  const { wire2 } = libraries
  const keyOfGateway = async () => {
    const response = await fetch(`${gateway}/pki/wire2`)
    equal(response.status, 200)
    const document = new Uint8Array(await response.arrayBuffer())
    const { keys } = await wire2.parseKeyStatement(document, { now: Date.now() / 1000 })
    const kem = await wire2.loadHybridKem()
    return { kem, config: keys.find(({ kemId }) => kemId === kem.id)! }
  }
  const messageOf = (prompt: string, key = apiKey): Uint8Array<ArrayBuffer> =>
    wire2.encodeRequest({
      method: 'POST',
      scheme: 'https',
      authority: '',
      path: '/v1/chat/completions',
      fields: [
        ['date', new Date().toUTCString()],
        ['authorization', `Bearer ${key}`],
        ['idempotency-key', crypto.randomUUID()],
        ['content-type', 'application/json'],
      ],
      content: utf8(
        JSON.stringify({ model: 'nomyo/echo', messages: [{ role: 'user', content: prompt }] }),
      ),
    })
  const send = (body: Uint8Array<ArrayBuffer>): Promise<Response> =>
    fetch(gateway + wire2.GATEWAY_PATH, {
      method: 'POST',
      headers: { 'content-type': wire2.MEDIA_TYPES.request },
      body,
    })
  /** Reads an answer as it arrives. */
  const readAnswer = async (response: Response, opener: Library.ChunkOpener) => {
    equal(response.status, 200)
    equal(response.headers.get('content-type'), wire2.MEDIA_TYPES.answer)
    const reader = wire2.createBhttpReader('response')
    const events: Library.BhttpEvent[] = []
    const body = response.body!.getReader()
    for (let next = await body.read(); !next.done; next = await body.read()) {
      for (const chunk of await opener.push(next.value)) events.push(...reader.push(chunk))
    }
    events.push(...reader.push(await opener.end()), ...reader.end())
    const head = events.find((event) => event.type === 'response')
    const bytes = events.flatMap((event) => (event.type === 'content' ? [event.bytes] : []))
    const status = head !== undefined && 'status' in head ? head.status : undefined
    return { status, json: JSON.parse(textOf(join(...bytes))) as Answer }
  }
  return [
    {
      name: 'is answered by the gateway, long and short',
      run: async () => {
        const { kem, config } = await keyOfGateway()
        for (const prompt of ['Grüße 🩺 漢字', 'x'.repeat(100_000)]) {
          const { body, openAnswer } = await wire2.sealRequest(kem, config, messageOf(prompt))
          const { status, json } = await readAnswer(await send(body), openAnswer())
          equal(status, 200)
          equal(json.choices?.[0]?.message.content, prompt)
        }
      },
    },
    {
      name: 'learns inside the encryption that the gateway refuses it',
      run: async () => {
        const { kem, config } = await keyOfGateway()
        const message = messageOf('x', 'another-key-than-the-one')
        const { body, openAnswer } = await wire2.sealRequest(kem, config, message)
        const { status } = await readAnswer(await send(body), openAnswer())
        equal(status, 401)
      },
    },
    {
      name: 'is refused by the gateway outside the encryption for a changed request',
      run: async () => {
        const { kem, config } = await keyOfGateway()
        const { body: changed } = await wire2.sealRequest(kem, config, messageOf('x'))
        changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
        const refused = await send(changed)
        equal(refused.status, 400)
        const { type } = (await refused.json()) as { type?: string }
        equal(type, wire2.PROBLEM_TYPES.key)
      },
    },
  ]
}

interface Answer {
  readonly choices?: readonly { readonly message: { readonly content: string } }[]
}
