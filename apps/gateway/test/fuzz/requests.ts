import {
  headerVectors,
  keyPem,
  malformedBody,
  malformedVectors,
  requestVectors,
} from '@nomyo-internal/testing/vectors'
import { chat, seal } from '../support.js'
import { brokenEnvelope, CANARY, mixedEnvelope } from './bodies.js'
import type { Random } from './random.js'

/** One input: bytes of a connection, and what must come of them. */
export interface Input {
  readonly kind: string
  readonly bytes: Buffer
  /** `one`: answered as it is; `end`: the sender ends its side, since it may be waited for more. */
  readonly framing: 'one' | 'end'
  /** The only status there may be. */
  readonly status?: number
  /** Answers to HEAD have no body. */
  readonly isHead?: boolean
}

/** Building blocks of inputs. */
export interface Corpus {
  readonly envelopes: readonly string[]
  readonly malformed: readonly Buffer[]
  readonly publicKeys: readonly string[]
}

const PATH = '/v1/chat/secure_completion'
const LARGEST_BODY = 256 * 1024
/** The quickest to read that clients may have. */
const GOOD_KEY = encodeURIComponent(keyPem('keys/rsa2048.public.pem'))

export async function loadCorpus(): Promise<Corpus> {
  const malformed = malformedVectors().filter(({ strict }) => strict === 'must')
  const bodies = await Promise.all(
    malformed.map((vector) => malformedBody(vector, (text) => seal({ text }))),
  )
  return {
    envelopes: requestVectors()
      .map(({ body }) => body)
      .filter((body) => body.length < 10_000),
    malformed: bodies.filter((body) => body.length < 10_000).map((body) => Buffer.from(body)),
    publicKeys: headerVectors().vectors.map(({ value }) => value),
  }
}

/** Makes one input. Only few get as far as an RSA operation, which takes as long as a hundred others. */
export function makeInput(random: Random, corpus: Corpus, index: number): Input | Promise<Input> {
  const envelope = random.pick(corpus.envelopes)
  return random.pickWeighted<() => Input | Promise<Input>>([
    [2, () => goodRequest(index)],
    [
      4,
      () => sealed('mixed', index, mixedEnvelope(random, envelope, random.pick(corpus.envelopes))),
    ],
    [8, () => sealed('malformed', index, random.pick(corpus.malformed))],
    [400, () => sealed('envelope', index, brokenEnvelope(random, envelope))],
    [200, () => withHeaders(random, index, corpus)],
    [60, () => framed(random, index)],
    [120, () => path(random)],
    [30, () => method(random)],
    [30, () => raw(random, envelope)],
    [40, () => get(random)],
  ])()
}

async function goodRequest(index: number): Promise<Input> {
  const body = Buffer.from(await seal(chat(`${CANARY} ${index}`)))
  return { ...sealed('good', index, body), status: 200 }
}

type Header = readonly [name: string, value: string]

const head = (line: string, headers: readonly Header[]): string =>
  `${line}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`

const clientHeaders = (index: number): Header[] => [
  ['Host', 'x'],
  ['Content-Type', 'application/octet-stream'],
  ['X-Payload-ID', `fuzz-${index}`],
  ['X-Public-Key', GOOD_KEY],
]

const message = (text: string, body: Buffer | string = ''): Buffer =>
  Buffer.concat([Buffer.from(text, 'latin1'), Buffer.from(body as string)])

function sealed(kind: string, index: number, body: Buffer): Input {
  const headers = [...clientHeaders(index), ['Content-Length', String(body.length)] as const]
  const bytes = message(head(`POST ${PATH} HTTP/1.1`, headers), body)
  return { kind, bytes, framing: 'one' }
}

/** Never one that is allowed in an id, since those are logged. */
const BAD_TEXTS = [
  '',
  ' ',
  `${CANARY} x`,
  `${CANARY}\ty`,
  `${CANARY}\x80`,
  CANARY.repeat(30),
  `${CANARY}\x00`,
  `${CANARY}\x7f`,
  `${CANARY}\r\n folded`,
  `${CANARY}\r\n\tfolded`,
  `${CANARY}\rX: y`,
  `${CANARY}\nX-Other: ${CANARY}`,
  `%00${CANARY} y`,
  `${CANARY} `.repeat(700),
]
const NAMES = [
  ...['X-Payload-ID', 'X-Public-Key', 'X-Security-Tier', 'Authorization', 'Content-Type', 'Host'],
  ...['Content-Encoding', 'X-Forwarded-For', 'X-Request-Id', 'Origin', 'Cookie', 'Connection'],
  ...['Accept-Encoding', 'If-None-Match', 'Range', 'Upgrade', 'Expect', 'Keep-Alive', 'Forwarded'],
  ...['X-HTTP-Method-Override', '__proto__', 'Accept-Version', 'Trailer', 'TE', 'Via', 'Date'],
]
const VALUES: Readonly<Record<string, readonly string[]>> = {
  'X-Security-Tier': ['High', 'standard ', 'standard, high', '__proto__', 'maximum\x00', 'low'],
  Authorization: ['Bearer', 'Bearer ', `Bearer ${CANARY}`, 'Basic eA==', `bearer  ${CANARY}`],
  'Content-Type': ['application/json', 'application/octet-streams', ';', 'a/b;c', '*/*', 'a'],
  'Content-Encoding': ['gzip', 'br', 'deflate', 'zstd', 'identity, gzip', 'GZIP', '*', 'x'],
  Connection: ['close', 'upgrade', 'keep-alive, x', 'close, keep-alive', 'Content-Length'],
  Upgrade: ['h2c', 'websocket', 'HTTP/2.0', 'TLS/1.3'],
  Expect: ['100-continue', '100-Continue, x', 'miracles', ''],
  'X-Forwarded-For': [CANARY, '127.0.0.1', ', '.repeat(200), '::1%eth0'],
}

/** A small body that would be refused anyway, with one header changed, repeated or added. */
function withHeaders(random: Random, index: number, corpus: Corpus): Input {
  const name = random.pick(NAMES)
  const special = name === 'X-Public-Key' ? corpus.publicKeys : VALUES[name]
  const value =
    special === undefined || random.chance(3) ? random.pick(BAD_TEXTS) : random.pick(special)
  const body = random.pick(['{}', '', `{"a":"${CANARY}"}`])
  const others: Header[] = [...clientHeaders(index), ['Content-Length', String(body.length)]]
  const spelled = random.pick([name, name, name.toLowerCase(), name.toUpperCase()])
  const changed = random.pick<() => Header[]>([
    () => others.filter(([other]) => other !== name),
    () => [...others.filter(([other]) => other !== name), [spelled, value]],
    () => [...others, [spelled, value]],
    () => [[spelled, value], ...others],
    () => [...others, [spelled, value], [spelled, value]],
    () => [...others, [`${spelled}${random.pick([' ', '\t', ':', '\x00', '(', '\u00e4'])}`, value]],
    () => [
      ...others,
      ...Array.from({ length: random.below(300) }, () => [spelled, value] as const),
    ],
  ])()
  const bytes = message(head(`POST ${PATH} HTTP/1.1`, changed), body)
  return { kind: `header ${name}`, bytes, framing: 'end' }
}

const LENGTHS = [
  ...[
    '-1',
    '+2',
    '2 ',
    '0x2',
    '2.0',
    '2e0',
    '2,2',
    '2, 3',
    '',
    ' ',
    '1',
    '3',
    '02',
    '2;a',
    '\u00b2',
  ],
  ...['99999999999999999999', '18446744073709551618', '4294967298', '9007199254740993', CANARY],
  String(LARGEST_BODY + 1),
]
const ENCODINGS = [
  ...['chunked', 'Chunked', 'chunked, chunked', 'identity', 'gzip, chunked', 'chunked, identity'],
  ...[
    'xchunked',
    'chunkedx',
    '"chunked"',
    'chunked;q=1',
    ' chunked',
    '\x0bchunked',
    ',chunked',
    '',
  ],
]
const CHUNKS = [
  ...['2\r\n{}\r\n0\r\n\r\n', '2\r\n{}\r\n', '2\n{}\n0\n\n', '02\r\n{}\r\n0\r\n\r\n', '0\r\n\r\n'],
  ...['+2\r\n{}\r\n0\r\n\r\n', '0x2\r\n{}\r\n0\r\n\r\n', '2 \r\n{}\r\n0\r\n\r\n', '-2\r\n{}\r\n'],
  ...['2;a=b\r\n{}\r\n0\r\n\r\n', `2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`, 'fffffffff\r\n{}'],
  ...[
    '2\r\n{}0\r\n\r\n',
    '2\r\n{}\r\n0\r\nX-Trailer: a\r\n\r\n',
    '2\r\n{}\r\n0\r\nHost: b\r\n\r\n',
  ],
  ...['ffffffffffffffff2\r\n{}', '2;\x00\r\n{}\r\n0\r\n\r\n', '\r\n2\r\n{}\r\n0\r\n\r\n', '{}', ''],
]

/** Ways to say where a body ends, which must not be misunderstood. */
function framed(random: Random, index: number): Input {
  const others = clientHeaders(index)
  const length: Header = [random.pick(['Content-Length', 'content-length']), random.pick(LENGTHS)]
  const encoding: Header = ['Transfer-Encoding', random.pick(ENCODINGS)]
  const [headers, body] = random.pick<() => readonly [Header[], string]>([
    () => [[...others, length], '{}'],
    () => [[...others, length, ['Content-Length', random.pick(LENGTHS)]], '{}'],
    () => [[...others, encoding], random.pick(CHUNKS)],
    () => [[...others, ['Transfer-Encoding', 'chunked']], random.pick(CHUNKS)],
    () => [[...others, length, encoding], random.pick(CHUNKS)],
    () => [[...others, encoding, encoding], random.pick(CHUNKS)],
  ])()
  const bytes = message(head(`POST ${PATH} HTTP/1.1`, headers), body)
  return { kind: 'framing', bytes, framing: 'end' }
}

const ROUTES = [PATH, '/health', '/ready', '/pki/public_key', '/pki/attestation', '/v1/models', '/']
const PATH_PARTS = [
  ...[
    '%',
    '%0',
    '%zz',
    '%00',
    '%2e',
    '%2f',
    '%5c',
    '%ff',
    '%c0%af',
    '%u0041',
    '%25%32%65',
    '%0d%0a',
  ],
  ...[
    '..',
    '.',
    '//',
    '/../',
    '/./',
    ';',
    ';a=b',
    '?',
    '??',
    '#',
    '&',
    '=',
    '\\',
    '*',
    ':',
    '@',
    '~',
  ],
  ...[
    '__proto__',
    'constructor',
    CANARY,
    '\x7f',
    '\xff',
    '{}',
    '|',
    '^',
    '`',
    '<script>',
    "'",
    '"',
  ],
]

function path(random: Random): Input {
  const route = random.pick(ROUTES)
  const at = random.below(route.length + 1)
  const parts = Array.from({ length: 1 + random.below(3) }, () => random.pick(PATH_PARTS)).join('')
  const target = random.pick<() => string>([
    () => route.slice(0, at) + parts + route.slice(at),
    () => `${route}?${parts}=${CANARY}`,
    () => `/${parts}${CANARY}`,
    () => `${random.pick(['http', 'https', 'ftp', 'file', ''])}://${CANARY}:${parts}${route}`,
    () => `${route}/${CANARY.repeat(random.below(1200))}`,
    () => parts,
    () => `${route}${'/..'.repeat(random.below(500))}`,
    () =>
      `/pki/attestation?nonce=${random.bytes(32).toString('base64url').slice(random.below(43))}`,
    () => `/pki/attestation?${'nonce=a&'.repeat(random.below(200))}`,
  ])()
  const verb = random.pick(['GET', 'GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'])
  const bytes = message(head(`${verb} ${target} HTTP/1.1`, [['Host', 'x']]))
  return { kind: 'path', bytes, framing: 'end' }
}

function method(random: Random): Input {
  const verb = random.pick([
    ...[
      'HEAD',
      'TRACE',
      'CONNECT',
      'PRI',
      'PATCH',
      'PROPFIND',
      'QUERY',
      'get',
      'Get',
      'G\x00ET',
      '',
    ],
    ...[
      'SEARCH',
      'M-SEARCH',
      'PURGE',
      CANARY,
      'A'.repeat(1 + random.below(20_000)),
      'GET\t',
      ' GET',
    ],
  ])
  const target = random.pick([...ROUTES, '*', 'x:443'])
  const version = random.pick([
    ...[
      'HTTP/1.1',
      'HTTP/1.1',
      'HTTP/1.0',
      'HTTP/0.9',
      'HTTP/2.0',
      'HTTP/1.10',
      'http/1.1',
      '',
      'X',
    ],
  ])
  const bytes = message(head(`${verb} ${target} ${version}`, random.pick([[['Host', 'x']], []])))
  return { kind: 'method', bytes, framing: 'end', isHead: verb === 'HEAD' }
}

/** Bytes that are damaged without regard for what they mean. */
function raw(random: Random, envelope: string): Input {
  const whole = random.pick([
    sealed('', 0, Buffer.from(envelope.slice(0, 100))).bytes,
    message(head('GET /health HTTP/1.1', [['Host', 'x']])),
    random.bytes(1 + random.below(500)),
  ])
  const at = random.below(whole.length)
  const bytes = random.pick([
    whole.subarray(0, at),
    Buffer.concat([whole.subarray(0, at), random.bytes(1), whole.subarray(at + 1)]),
    Buffer.concat([whole.subarray(0, at), whole.subarray(at + 1)]),
    Buffer.concat([whole, random.bytes(1 + random.below(50))]),
  ])
  return { kind: 'raw', bytes, framing: 'end' }
}

function get(random: Random): Input {
  const target = random.pick(['/health', '/ready', '/pki/public_key', '/v1/models'])
  const bytes = message(head(`GET ${target} HTTP/1.1`, [['Host', 'x']]))
  return { kind: 'get', bytes, framing: 'one', status: 200 }
}
