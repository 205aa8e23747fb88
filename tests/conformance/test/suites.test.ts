import type { SecureChatCompletionOptions, SecureCompletionClientOptions } from '@nomyo/client'
import { shared } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { libraries } from '../src/adapters/libraries.js'
import { startLoopback } from '../src/loopback.js'
import { runSuites, type Outcome, type Suite } from '../src/suites/case.js'
import { allSuites, type Libraries } from '../src/suites/suites.js'
import { gatherVectors } from '../src/vectors.js'

const vectors = await gatherVectors()
const surroundings = shared(() => startLoopback('http://127.0.0.1:1'))

const suitesOf = (given: Partial<Libraries> = {}): Suite[] =>
  allSuites({ ...libraries, ...given }, { vectors, loopback: surroundings().loopback })

/** Runs some of the cases: those that generate keys or move many bytes take long. */
async function run(given: Partial<Libraries>, suite: string, names: RegExp): Promise<Outcome[]> {
  const chosen = suitesOf(given).find(({ name }) => name === suite)!
  const cases = chosen.cases.filter(({ name }) => names.test(name))
  return runSuites([{ name: suite, cases }])
}

describe('the suites', () => {
  it('are complete', () => {
    const { crypto, attest } = vectors
    expect([crypto.envelopes.length, crypto.malformed.length]).toEqual([26, 120])
    expect([crypto.keys.length, attest.quotes.length]).toEqual([53 + 2 + 18, 87])
    const suites = suitesOf()
    expect(suites.map(({ name }) => name)).toEqual([
      'crypto',
      'attest',
      'wire 2',
      'transport',
      'client',
      'client, wire 2',
      'files',
    ])
    expect(suites.map(({ cases }) => cases.length)).toEqual([244, 96, 62, 26, 19, 21, 2])
    for (const { cases } of suites) {
      expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
    }
  })

  it('meet every refusal of an envelope or a key that needs no file', () => {
    const { malformed, keys } = vectors.crypto
    const codes = [
      ...malformed.map(({ code }) => code),
      ...keys.flatMap(({ expected }) => ('code' in expected ? [expected.code] : [])),
    ]
    expect([...new Set(codes)].sort()).toEqual([
      'ERR_DECRYPTION_FAILED',
      'ERR_ENVELOPE_INVALID',
      'ERR_ENVELOPE_TOO_LARGE',
      'ERR_ENVELOPE_UNSUPPORTED',
      'ERR_KEY_INVALID',
      'ERR_KEY_LIMIT',
      'ERR_KEY_MISMATCH',
      'ERR_KEY_PASSWORD',
      'ERR_KEY_TYPE',
      'ERR_KEY_WEAK',
      'ERR_PLAINTEXT_INVALID',
    ])
  })
})

const { attest, client, crypto, receipt, transport, wire2 } = libraries
class TrustsAnyKey extends client.SecureCompletionClient {
  constructor({ serverKeyPins: _, ...options }: SecureCompletionClientOptions = {}) {
    super(options)
  }
}
class SpeaksWire1 extends client.SecureChatCompletion {
  constructor({ serverKeyPins: _, ...options }: SecureChatCompletionOptions = {}) {
    super({ ...options, wire: 1 })
  }
}
const POLICY = { nonce: { extraData: new Uint8Array(32) }, requiredPcrs: 'sha256:0', trust: [] }

/** A wrong implementation of one function of a library, and the number of cases that fail. */
const wrong: Record<string, { given: object; suite: string; names: RegExp; failing: number }> = {
  'opens everything to nothing': {
    given: { crypto: { ...crypto, openEnvelope: async () => ({ plaintext: new Uint8Array() }) } },
    suite: 'crypto',
    names: /^opens keys/,
    failing: 26,
  },
  'refuses no envelope': {
    given: { crypto: { ...crypto, openJson: async () => ({ value: {} }) } },
    suite: 'crypto',
    names: /^refuses (CRYPTO|FORMAT)/,
    failing: vectors.crypto.malformed.filter(({ name }) => /^(CRYPTO|FORMAT)/.test(name)).length,
  },
  'throws another class': {
    given: { crypto: { ...crypto, importPublicKey: () => Promise.reject(new Error('no')) } },
    suite: 'crypto',
    names: /public\.pem: /,
    failing: vectors.crypto.keys.filter(
      ({ kind, name }) => kind === 'public' && name.includes('public.pem: '),
    ).length,
  },
  'gives every evidence the same result': {
    given: { attest: { ...attest, appraise: () => attest.appraise({}, POLICY) } },
    suite: 'attest',
    names: /^appraises pos-/,
    failing: vectors.attest.quotes.filter(({ vector }) => vector.name.startsWith('pos-')).length,
  },
  'accepts every receipt': {
    given: {
      receipt: {
        ...receipt,
        appraiseReceipt: async () => ({ answer: { tier: 'affirming' }, agrees: true }),
      },
    },
    suite: 'attest',
    names: /receipt for another/,
    failing: 1,
  },
  'takes an answer that was cut for a whole one': {
    given: {
      wire2: {
        ...wire2,
        sealRequest: async (...given: Parameters<typeof wire2.sealRequest>) => {
          const sealed = await wire2.sealRequest(...given)
          const openAnswer: typeof sealed.openAnswer = (limits) => {
            const opener = sealed.openAnswer(limits)
            return { ...opener, end: () => opener.end().catch(() => new Uint8Array()) }
          }
          return { ...sealed, openAnswer }
        },
      },
    },
    suite: 'wire 2',
    names: /^refuses an answer (?:cut|with bytes behind)/,
    failing: 4,
  },
  'opens every request to nothing': {
    given: {
      wire2: {
        ...wire2,
        openRequest: () => ({
          push: async () => [],
          end: async () => new Uint8Array(),
        }),
      },
    },
    suite: 'wire 2',
    names: /^(?:opens (?!what)|refuses (?!an answer|malformed|the answer))/,
    failing: 20,
  },
  'believes every statement': {
    given: { wire2: { ...wire2, parseKeyStatement: async () => ({ identities: [], sha256: '' }) } },
    suite: 'wire 2',
    names: /^key statement/,
    failing: vectors.wire2.statements.length,
  },
  'follows redirects': {
    given: {
      transport: {
        ...transport,
        createHttpTransport: (options: Parameters<typeof transport.createHttpTransport>[0]) =>
          transport.createHttpTransport({
            ...options,
            fetch: (input, init) => fetch(input, { ...init, redirect: 'follow' }),
          }),
      },
    },
    suite: 'transport',
    names: /^follows no redirect/,
    failing: 1,
  },
  'maps every status alike': {
    given: {
      transport: {
        ...transport,
        errorFromResponse: () => new transport.APIError('ERR_NOT_FOUND', 'text'),
      },
    },
    suite: 'transport',
    names: /^maps/,
    failing: 10,
  },
  'trusts any key': {
    given: { client: { ...client, SecureCompletionClient: TrustsAnyKey } },
    suite: 'client',
    names: /pinned|permission/,
    failing: 1,
  },
  'speaks wire 1 to any gateway': {
    given: { client: { ...client, SecureChatCompletion: SpeaksWire1 } },
    suite: 'client, wire 2',
    names: /^(?:sends nothing|notices)/,
    failing: 2,
  },
}

describe('detects a library that', () => {
  it.each(Object.entries(wrong))('%s', async (_, { given, suite, names, failing }) => {
    const sound = await run({}, suite, names)
    expect(sound.filter(({ error }) => error !== null)).toEqual([])
    const outcomes = await run(given, suite, names)
    expect(outcomes.filter(({ error }) => error !== null)).toHaveLength(failing)
  })
})
