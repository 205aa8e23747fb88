import type * as Library from '../src/index.js'

/** What is put to the test: the exports of `@nomyo/crypto`, however they were loaded. */
export type CryptoLibrary = typeof Library

/** One check; it throws where the library does not conform. */
export interface ConformanceCase {
  readonly name: string
  run(): Promise<void>
}

/** The vectors as plain JSON, so that they can be handed to any runtime. */
export interface ConformanceVectors {
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
    kind: 'private' | 'public'
    pem: string
    options: { password?: string; publicKeyPem?: string }
    /** What the key is, or the code it is refused with. */
    expected: { bits: number; fingerprint: string } | { code: string }
  }[]
}

/**
 * What every build of the library must do in every runtime that has WebCrypto. Needs nothing but
 * the two parameters: no test framework, no file system, nothing of Node.
 */
export function conformance(
  library: CryptoLibrary,
  vectors: ConformanceVectors,
): ConformanceCase[] {
  return [
    ...vectors.envelopes.map((vector) => opens(library, vector)),
    ...vectors.malformed.map((vector) => refusesEnvelope(library, vector)),
    ...vectors.keys.map((vector) => readsOrRefusesKey(library, vector)),
    ...withOneKey(library, vectors.envelopes[0]?.privateKeyPem ?? ''),
    {
      name: 'makes a key pair that works',
      run: async () => {
        const { publicKey, privateKey } = await library.generateKeyPair()
        equal(publicKey.bits, 4096)
        const envelope = await library.sealJson({ n: 1 }, publicKey)
        equal((await library.openJson(envelope, privateKey)).value['n'], 1)
        equal(
          await codeOf(library, library.exportPrivateKey(privateKey)),
          'ERR_KEY_NOT_EXTRACTABLE',
        )
      },
    },
  ]
}

function opens(
  library: CryptoLibrary,
  vector: ConformanceVectors['envelopes'][number],
): ConformanceCase {
  return {
    name: `opens ${vector.name}`,
    run: async () => {
      const { privateKey } = await library.importPrivateKey(vector.privateKeyPem)
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
  vector: ConformanceVectors['malformed'][number],
): ConformanceCase {
  return {
    name: `refuses ${vector.name}`,
    run: async () => {
      const { privateKey } = await library.importPrivateKey(vector.privateKeyPem)
      const opening = library.openJson(fromBase64(vector.bodyBase64), privateKey)
      equal(await codeOf(library, opening), vector.code)
    },
  }
}

function readsOrRefusesKey(
  library: CryptoLibrary,
  vector: ConformanceVectors['keys'][number],
): ConformanceCase {
  const read = async () =>
    vector.kind === 'public'
      ? library.importPublicKey(vector.pem)
      : (await library.importPrivateKey(vector.pem, vector.options)).publicKey
  const { expected } = vector
  if ('code' in expected) {
    return {
      name: `refuses ${vector.name}`,
      run: async () => equal(await codeOf(library, read()), expected.code),
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

function withOneKey(library: CryptoLibrary, privateKeyPem: string): ConformanceCase[] {
  const pairOf = (options = {}) => library.importPrivateKey(privateKeyPem, options)
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
          const code = await codeOf(library, library.openEnvelope(changed, privateKey))
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
          await codeOf(library, library.openEnvelope(alias, privateKey)),
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
        const pem = await library.exportPrivateKey(privateKey, { password: 'pä55 🔑' })
        const read = await library.importPrivateKey(pem, { password: 'pä55 🔑' })
        equal(read.publicKey.fingerprint, publicKey.fingerprint)
        const wrong = library.importPrivateKey(pem, { password: 'pa55 🔑' })
        equal(await codeOf(library, wrong), 'ERR_KEY_PASSWORD')
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
        const [first, second] = [await pairOf(), await library.generateKeyPair()]
        const ring = new library.KeyRing(first)
        ring.rotate(second)
        for (const { publicKey } of [first, second]) {
          const envelope = await library.sealJson({ n: 1 }, publicKey)
          equal((await library.openJson(envelope, ring)).value['n'], 1)
        }
        const envelope = await library.sealJson({}, first.publicKey)
        ring.dispose()
        equal(await codeOf(library, library.openJson(envelope, ring)), 'ERR_KEY_DISPOSED')
      },
    },
  ]
}

/** An envelope whose wrapped key is too large by the modulus: the same number to a careless reader. */
async function sealWithAliasedKey(
  library: CryptoLibrary,
  publicKey: Library.PublicKey,
): Promise<Uint8Array> {
  // RSA-4096 with e = 65537: the modulus is what stands before the last five bytes of the SPKI.
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
async function codeOf(library: CryptoLibrary, promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (error instanceof library.SecurityError) return error.code
    throw error
  }
  return 'no error'
}

function equal(actual: unknown, expected: unknown): void {
  if (!Object.is(actual, expected)) {
    throw new Error(`expected ${String(expected)}, got ${String(actual)}`)
  }
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const fromBase64 = (text: string): Uint8Array =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0))

const toNumber = (bytes: Uint8Array): bigint =>
  BigInt(`0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`)
