import type * as Library from '@nomyo/crypto'
import {
  codeOf,
  equal,
  fromBase64,
  rejectionOf,
  textOf,
  thrownBy,
  utf8,
  type Case,
  type Suite,
} from './case.js'

/** The exports under test of `@nomyo/crypto`. */
export type CryptoLibrary = typeof Library

/** The vectors as plain JSON, so that they can be handed to any runtime. */
export interface CryptoVectors {
  readonly envelopes: readonly {
    name: string
    privateKeyPem: string
    body: string
    plaintext: string
    processedAt: number | null
  }[]
  readonly malformed: readonly {
    name: string
    privateKeyPem: string
    bodyBase64: string
    code: string
  }[]
  readonly keys: readonly {
    name: string
    kind: 'private' | 'public' | 'header' | 'legacy'
    text: string
    options: { password?: string; publicKeyPem?: string }
    /** Properties of the key, or the code of its refusal. */
    expected: { bits: number; fingerprint: string } | { code: string }
  }[]
  /** Two pairs to work with: making one takes long. */
  readonly pairs: readonly [string, string]
}

/** Envelopes and keys: the vectors, then what is sealed and written here. */
export function cryptoSuite(library: CryptoLibrary, vectors: CryptoVectors): Suite {
  const keyOf = keyReader(library)
  return {
    name: 'crypto',
    cases: [
      ...vectors.envelopes.map((vector) => opens(library, keyOf, vector)),
      ...vectors.malformed.map((vector) => refusesEnvelope(library, keyOf, vector)),
      ...vectors.keys.map((vector) => readsOrRefusesKey(library, vector)),
      ...withOneKey(library, vectors.pairs),
      ...errors(library, vectors.pairs),
      {
        name: 'makes a key pair that works',
        run: async () => {
          const { publicKey, privateKey } = await library.generateKeyPair()
          equal(publicKey.bits, 4096)
          const envelope = await library.sealJson({ n: 1 }, publicKey)
          equal((await library.openJson(envelope, privateKey)).value['n'], 1)
          const exporting = library.exportPrivateKey(privateKey)
          equal(await refusal(library, exporting), 'ERR_KEY_NOT_EXTRACTABLE')
        },
      },
    ],
  }
}

type KeyReader = (pem: string) => Promise<Library.PrivateKey>

/** Reads each key once, because reading costs a trial decryption. */
function keyReader(library: CryptoLibrary): KeyReader {
  const read = new Map<string, Promise<Library.KeyPair>>()
  return async (pem) => {
    const pair = read.get(pem) ?? library.importPrivateKey(pem)
    read.set(pem, pair)
    return (await pair).privateKey
  }
}

function opens(
  library: CryptoLibrary,
  keyOf: KeyReader,
  vector: CryptoVectors['envelopes'][number],
): Case {
  return {
    name: `opens ${vector.name}`,
    run: async () => {
      const privateKey = await keyOf(vector.privateKeyPem)
      const body = utf8(vector.body)
      const opened = await library.openEnvelope(body, privateKey)
      equal(textOf(opened.plaintext), vector.plaintext)
      equal(opened.processedAt, vector.processedAt)
      const { value } = await library.openJson(body, privateKey)
      equal(JSON.stringify(value), JSON.stringify(JSON.parse(vector.plaintext)))
    },
  }
}

function refusesEnvelope(
  library: CryptoLibrary,
  keyOf: KeyReader,
  vector: CryptoVectors['malformed'][number],
): Case {
  return {
    name: `refuses ${vector.name}`,
    run: async () => {
      const privateKey = await keyOf(vector.privateKeyPem)
      const opening = library.openJson(fromBase64(vector.bodyBase64), privateKey)
      equal(await refusal(library, opening), vector.code)
    },
  }
}

function readsOrRefusesKey(library: CryptoLibrary, vector: CryptoVectors['keys'][number]): Case {
  const read = async (): Promise<Library.PublicKey> => {
    const { kind, text, options } = vector
    switch (kind) {
      case 'public':
        return library.importPublicKey(text)
      case 'header':
        return library.publicKeyFromHeader(text)
      case 'private':
        return (await library.importPrivateKey(text, options)).publicKey
      case 'legacy':
        return (await library.importLegacyPrivateKey(text, options.password ?? '')).publicKey
    }
  }
  const { expected } = vector
  if ('code' in expected) {
    return {
      name: `refuses ${vector.name}`,
      run: async () => equal(await refusal(library, read()), expected.code),
    }
  }
  return {
    name: `reads ${vector.name}`,
    run: async () => {
      const { bits, fingerprint } = await read()
      equal(bits, expected.bits)
      equal(fingerprint, expected.fingerprint)
    },
  }
}

function withOneKey(library: CryptoLibrary, [pem, otherPem]: CryptoVectors['pairs']): Case[] {
  const pairOf = (options = {}) => library.importPrivateKey(pem, options)
  const sizes = [0, 1, 15, 16, 17, 4095, 4096, 4097, 65535, 65536, 65537, 1024 * 1024]
  return [
    ...sizes.map((size) => ({
      name: `opens what it sealed: ${size} bytes`,
      run: async () => {
        const { publicKey, privateKey } = await pairOf()
        const plaintext = new Uint8Array(size).map((_, index) => (index * 31 + (index >> 8)) & 255)
        const envelope = await library.sealEnvelope(plaintext, publicKey)
        const opened = await library.openEnvelope(envelope, privateKey)
        equal(opened.plaintext.length, size)
        equal(
          opened.plaintext.every((byte, index) => byte === plaintext[index]),
          true,
        )
      },
    })),
    {
      name: 'opens what it sealed: JSON with every kind of character',
      run: async () => {
        const { publicKey, privateKey } = await pairOf()
        const value = { text: '\0\u007fé€𝄞\ud83d "\\', list: [1.5, -1e-7, true, null, {}] }
        const envelope = await library.sealJson(value, publicKey, { processedAt: 5 })
        const opened = await library.openJson(envelope, privateKey)
        equal(JSON.stringify(opened.value), JSON.stringify(value))
        equal(opened.processedAt, 5)
      },
    },
    {
      name: 'refuses an envelope with any one of a hundred changes',
      run: async () => {
        const { publicKey, privateKey } = await pairOf()
        const envelope = await library.sealEnvelope(utf8('{"model":"m"}'), publicKey)
        for (let change = 0; change < 100; change++) {
          const changed = Uint8Array.from(envelope)
          const position = Math.floor((change * envelope.length) / 100)
          changed[position] = (envelope[position] ?? 0) ^ 1
          const code = await refusal(library, library.openEnvelope(changed, privateKey))
          equal(code.startsWith('ERR_'), true)
        }
      },
    },
    {
      name: 'refuses a wrapped key that equals its own modulo the modulus',
      run: async () => {
        const { publicKey, privateKey } = await pairOf()
        const alias = await sealWithAliasedKey(library, publicKey)
        equal(
          await refusal(library, library.openEnvelope(alias, privateKey)),
          'ERR_DECRYPTION_FAILED',
        )
      },
    },
    {
      name: 'names the copies of a sealing alike, and two sealings differently',
      run: async () => {
        const { publicKey, privateKey } = await pairOf()
        const envelope = await library.sealEnvelope(utf8('{}'), publicKey)
        const copy = utf8(JSON.stringify(JSON.parse(textOf(envelope)), null, 2))
        const again = await library.sealEnvelope(utf8('{}'), publicKey)
        const [first, second, third] = await Promise.all(
          [envelope, copy, again].map((body) => library.openEnvelope(body, privateKey)),
        )
        equal(first?.replayId, second?.replayId)
        equal(first?.replayId === third?.replayId, false)
      },
    },
    {
      name: 'writes a private key with a password, and reads it back',
      run: async () => {
        const { publicKey, privateKey } = await pairOf({ extractable: true })
        const written = await library.exportPrivateKey(privateKey, { password: 'pä55 🔑' })
        const read = await library.importPrivateKey(written, { password: 'pä55 🔑' })
        equal(read.publicKey.fingerprint, publicKey.fingerprint)
        const wrong = library.importPrivateKey(written, { password: 'pa55 🔑' })
        equal(await refusal(library, wrong), 'ERR_KEY_PASSWORD')
      },
    },
    {
      name: 'writes a public key into a header, and reads it back',
      run: async () => {
        const { publicKey } = await pairOf()
        const read = await library.publicKeyFromHeader(library.publicKeyToHeader(publicKey))
        equal(read.fingerprint, publicKey.fingerprint)
      },
    },
    {
      name: 'opens with both keys of a ring, and with none once it is disposed of',
      run: async () => {
        const [first, second] = [await pairOf(), await library.importPrivateKey(otherPem)]
        const ring = new library.KeyRing(first)
        ring.rotate(second)
        for (const { publicKey } of [first, second]) {
          const envelope = await library.sealJson({ n: 1 }, publicKey)
          equal((await library.openJson(envelope, ring)).value['n'], 1)
        }
        const envelope = await library.sealJson({}, first.publicKey)
        ring.dispose()
        equal(await refusal(library, library.openJson(envelope, ring)), 'ERR_KEY_DISPOSED')
      },
    },
  ]
}

function errors(library: CryptoLibrary, [pem, otherPem]: CryptoVectors['pairs']): Case[] {
  const password = 'canary-of-a-password'
  /** Everything about an error that may end in a log. */
  const wordsOf = (error: unknown): string => {
    const { name, message, stack, cause } = error as Error
    return [name, message, stack, String(cause), JSON.stringify(error)].join()
  }
  return [
    {
      name: 'errors are of one class, with a name and a code',
      run: async () => {
        const error = await rejectionOf(library.importPrivateKey('no key'))
        equal(error instanceof Error, true)
        equal(error instanceof library.SecurityError, true)
        equal((error as Error).name, 'SecurityError')
        equal((error as Error).stack?.includes('SecurityError'), true)
        equal(new Error('ERR_KEY_INVALID') instanceof library.SecurityError, false)
        class OwnError extends library.SecurityError {}
        equal(error instanceof OwnError, false)
        equal(new OwnError('ERR_KEY_INVALID', '') instanceof library.SecurityError, true)
      },
    },
    {
      name: 'errors hold no password',
      run: async () => {
        const { privateKey } = await library.importPrivateKey(pem, { extractable: true })
        const written = await library.exportPrivateKey(privateKey, { password: 'another' })
        for (const text of [written, pem, 'no key']) {
          const error = await rejectionOf(library.importPrivateKey(text, { password }))
          equal(wordsOf(error).includes(password), false)
        }
      },
    },
    {
      name: 'errors hold no piece of a key or of a text',
      run: async () => {
        const { publicKey } = await library.importPrivateKey(pem)
        const { privateKey } = await library.importPrivateKey(otherPem)
        const envelope = await library.sealEnvelope(utf8('canary of a text'), publicKey)
        const owner = (await library.importPrivateKey(pem)).privateKey
        const half = pem.slice(0, pem.length / 2)
        const found = [
          await rejectionOf(library.importPrivateKey(half)),
          await rejectionOf(library.importPublicKey(pem)),
          await rejectionOf(library.openEnvelope(envelope, privateKey)),
          await rejectionOf(library.openJson(envelope, owner)),
        ].map(wordsOf)
        const pieces = [...pem.split('\n').filter((line) => line.length === 64), 'canary']
        for (const piece of pieces) {
          equal(
            found.some((words) => words.includes(piece)),
            false,
          )
        }
      },
    },
    {
      name: 'a key that was disposed of opens nothing',
      run: async () => {
        const { publicKey, privateKey } = await library.importPrivateKey(pem)
        const envelope = await library.sealJson({}, publicKey)
        privateKey.dispose()
        equal(await refusal(library, library.openJson(envelope, privateKey)), 'ERR_KEY_DISPOSED')
      },
    },
    {
      name: 'a pin is held against a key',
      run: async () => {
        const [own, other] = [
          (await library.importPrivateKey(pem)).publicKey,
          (await library.importPrivateKey(otherPem)).publicKey,
        ]
        library.verifyPin(own, [other.fingerprint, own.fingerprint])
        const refused = await thrownBy(() => library.verifyPin(own, [other.fingerprint]))
        equal(codeOf(refused, library.SecurityError), 'ERR_KEY_MISMATCH')
      },
    },
  ]
}

/** An envelope whose wrapped key is too large by the modulus: the same number to a careless reader. */
async function sealWithAliasedKey(
  library: CryptoLibrary,
  publicKey: Library.PublicKey,
): Promise<Uint8Array> {
  // RSA-4096 with e = 65537: the modulus precedes the last five bytes of the SPKI.
  const modulus = toNumber(publicKey.spkiDer.slice(-5 - 512, -5))
  for (;;) {
    const envelope = JSON.parse(
      textOf(await library.sealEnvelope(utf8('{}'), publicKey)),
    ) as Record<string, string>
    const sum = toNumber(fromBase64(envelope['encrypted_aes_key'] ?? '')) + modulus
    if (sum >= 1n << 4096n) continue
    const bytes = (sum.toString(16).padStart(1024, '0').match(/../g) ?? []).map((pair) =>
      Number.parseInt(pair, 16),
    )
    const wrapped = btoa(String.fromCharCode(...bytes))
    return utf8(JSON.stringify({ ...envelope, encrypted_aes_key: wrapped }))
  }
}

/** The code of the SecurityError a promise is rejected with; anything else does not conform. */
const refusal = async (library: CryptoLibrary, promise: Promise<unknown>): Promise<string> =>
  codeOf(await rejectionOf(promise), library.SecurityError)

const toNumber = (bytes: Uint8Array): bigint =>
  BigInt(`0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`)
