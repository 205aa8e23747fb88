import { runInNewContext } from 'node:vm'
import { SecurityError } from '@nomyo/crypto'
import { InvalidRequestError } from '@nomyo/transport'
import { describe, expect, it, vi } from 'vitest'
import { readConfig, readRequestOptions } from '../src/config/options.js'
import { SecureChatCompletion, SecureCompletionClient } from '../src/index.js'
import { createNomyoFetch } from '../src/openai-fetch/index.js'
import { platform as neutral } from '../src/platform/neutral.js'
import { withCode } from '@nomyo-internal/testing'

const create1 = (options: never): unknown => new SecureChatCompletion(options)
const create2 = (options: never): unknown => new SecureCompletionClient(options)

const pin = `sha256/${Buffer.alloc(32, 7).toString('base64')}`

const read = (): Promise<string[]> => Promise.resolve([])

describe('readConfig', () => {
  it('has defaults for everything', () => {
    const config = readConfig({})
    expect(config.baseUrl.href).toBe('https://api.nomyo.ai/')
    expect(config).toMatchObject({
      apiKey: undefined,
      maxRetries: 2,
      timeout: 600_000,
      serverKeyPins: [],
      minServerKeyBits: 4096,
      padding: 'padme',
      secureMemory: true,
      replyKeys: 'rotating',
      keyRotationInterval: 86_400_000,
      keyDir: undefined,
      defaultHeaders: {},
    })
    expect(Object.isFrozen(config)).toBe(true)
  })

  it.each<[string, Record<string, unknown>]>([
    ['apikey', { apikey: 'k' }],
    ['baseUrl', { baseUrl: 'nonsense' }],
    ['baseUrl', { baseUrl: 'ftp://host' }],
    ['baseUrl', { baseUrl: 'https://user:secret@host' }],
    ['baseUrl', { baseUrl: 'https://host/?q=1' }],
    ['baseUrl', { baseUrl: 7 }],
    ['baseUrl', { baseUrl: null }],
    ['baseUrl', { baseUrl: new URL('https://host') }],
    ['baseUrl', { baseUrl: 'https://host/v1' }],
    ['baseUrl', { baseUrl: 'https://host/prefix/v1/' }],
    ['baseUrl', { baseUrl: 'https://host/v1/chat/completions' }],
    ['allowHttp', { allowHttp: 'yes' }],
    ['apiKey', { apiKey: 'two\r\nlines' }],
    ['apiKey', { apiKey: 'with blank' }],
    ['apiKey', { apiKey: 7 }],
    ['maxRetries', { maxRetries: -1 }],
    ['maxRetries', { maxRetries: 1.5 }],
    ['timeout', { timeout: 0 }],
    ['timeout', { timeout: 2 ** 31 }],
    ['timeout', { timeout: '10' }],
    ['timeout', { timeout: NaN }],
    ['timeout', { timeout: Infinity }],
    ['maxRetries', { maxRetries: NaN }],
    ['minServerKeyBits', { minServerKeyBits: NaN }],
    ['keyRotationInterval', { keyRotationInterval: NaN }],
    ['serverKeyPins', { serverKeyPins: [] }],
    ['serverKeyPins', { serverKeyPins: pin }],
    ['minServerKeyBits', { minServerKeyBits: 1024 }],
    ['padding', { padding: 'lots' }],
    ['fetch', { fetch: true }],
    ['fetch', { fetch: Object.assign(() => undefined, { dispose: () => undefined }) }],
    ['onStep', { onStep: {} }],
    ['logger', { logger: 'console' }],
    ['logger', { logger: { warn: () => undefined, debug: true } }],
    ['debug', { debug: 1 }],
    ['secureMemory', { secureMemory: 'no' }],
    ['replyKeys', { replyKeys: 'always' }],
    ['keyDir', { keyDir: '' }],
    ['keyDir', { keyDir: 7 }],
    ['keyRotationDir', { keyRotationDir: 'keys' }],
    ['keyRotationInterval', { keyRotationInterval: -1 }],
    ['keyPassword', { keyPassword: 'protects nothing' }],
    ['keyPassword', { keyPassword: '', keyDir: 'keys' }],
    ['knownServers', { knownServers: '' }],
    ['knownServers', { knownServers: null }],
    ['knownServers', { knownServers: new Map() }],
    ['knownServers', { knownServers: { fingerprintsOf: read, add: read, addFirst: null } }],
    ['attestation', { attestation: null }],
    ['attestation', { attestation: new Map() }],
    ['onServerKey', { onServerKey: 'log' }],
    ['defaultHeaders', { defaultHeaders: ['x'] }],
    ['defaultHeaders', { defaultHeaders: new Headers({ x: '1' }) }],
    ['defaultHeaders', { defaultHeaders: { 'x y': '1' } }],
    ['defaultHeaders', { defaultHeaders: { x: 'a\r\nb: c' } }],
    ['defaultHeaders', { defaultHeaders: { Authorization: 'Bearer x' } }],
    ['defaultHeaders', { defaultHeaders: { 'X-Payload-ID': 'x' } }],
  ])('names %s when it is refused: %j', (name, options) => {
    const read = (): unknown => readConfig(options)
    expect(read).toThrow(InvalidRequestError)
    expect(read).toThrow(withCode('ERR_INVALID_OPTION'))
    expect(read).toThrow(new RegExp(`\\b${name}\\b`))
  })

  it.each([
    ['an address', 'https://host'],
    ['a URL', new URL('https://host')],
    ['a number', 7],
    ['a list', [{ baseUrl: 'https://host' }]],
    ['a function', () => ({ baseUrl: 'https://host' })],
    ['a map', new Map([['baseUrl', 'https://host']])],
    ['null', null],
  ])('names its form when it is called with %s in place of options', (_, options) => {
    for (const create of [readConfig, create1, create2, createNomyoFetch]) {
      const read = (): unknown => create(options as never)
      expect(read).toThrow(InvalidRequestError)
      expect(read).toThrow(withCode('ERR_INVALID_OPTION'))
    }
    expect(() => readConfig(options as never)).toThrow(/\{ baseUrl/)
  })

  it('takes options from another realm, and without a prototype', () => {
    const foreign = runInNewContext(`({ baseUrl: 'https://host' })`) as object
    const bare = Object.assign(Object.create(null) as object, { baseUrl: 'https://host' })
    for (const options of [foreign, bare]) expect(readConfig(options).baseUrl.host).toBe('host')
  })

  it('reads a member once, whatever a getter returns later', () => {
    for (const name of ['baseUrl', 'apiKey'] as const) {
      let reads = 0
      const value = { baseUrl: 'https://first', apiKey: 'first' }[name]
      const options = Object.defineProperty({}, name, {
        enumerable: true,
        get: () => (reads++ === 0 ? value : undefined),
      })
      const config = readConfig(options)
      expect([reads, name === 'apiKey' ? config.apiKey : config.baseUrl.origin]).toEqual([1, value])
    }
  })

  it('reads the address and the key from the environment', () => {
    vi.stubEnv('NOMYO_BASE_URL', 'https://gateway.example/x')
    vi.stubEnv('NOMYO_API_KEY', 'from-the-environment')
    expect(readConfig({})).toMatchObject({ apiKey: 'from-the-environment' })
    expect(readConfig({}).baseUrl.href).toBe('https://gateway.example/x')
    expect(readConfig({ apiKey: 'given', baseUrl: 'https://given' })).toMatchObject({
      apiKey: 'given',
    })
    vi.unstubAllEnvs()
  })

  it('logs steps when debugging, and nothing otherwise', () => {
    const lines: string[] = []
    const logger = { warn: () => undefined, debug: (line: string) => lines.push(line) }
    readConfig({ logger }).log.debug('hidden')
    readConfig({ logger, debug: true }).log.debug('shown')
    expect(lines).toEqual(['shown'])
  })

  it('repeats no part of a key in an error', () => {
    expect(() => readConfig({ defaultHeaders: { x: 'canary\n' } })).not.toThrow(/canary/)
    expect(() => readConfig({ apiKey: 'sk-canary\n' })).not.toThrow(/canary/)
    expect(() => readConfig({ baseUrl: 'https://user:canary@host' })).not.toThrow(/canary/)
  })

  it('refuses malformed pins', () => {
    expect(() => readConfig({ serverKeyPins: Array<string>(2).fill(pin, 1) })).toThrow(
      withCode('ERR_KEY_INVALID'),
    )
    for (const pin of ['sha256/short', 7, Symbol('x'), Object.create(null)]) {
      expect(() => readConfig({ serverKeyPins: [pin as string] })).toThrow(
        withCode('ERR_KEY_INVALID'),
      )
    }
    expect(readConfig({ serverKeyPins: [pin] }).serverKeyPins).toEqual([pin])
  })

  it('refuses http:// unless it is allowed, and then warns', () => {
    const insecure = { baseUrl: 'http://localhost:12435' }
    expect(() => readConfig(insecure)).toThrow(SecurityError)
    expect(() => readConfig(insecure)).toThrow(withCode('ERR_INSECURE_URL'))
    const warnings: string[] = []
    readConfig({ ...insecure, allowHttp: true, logger: { warn: (text) => warnings.push(text) } })
    expect(warnings).toHaveLength(1)
  })

  it('takes https:// in any case, without a warning', () => {
    const warnings: string[] = []
    const logger = { warn: (text: string) => warnings.push(text) }
    expect(readConfig({ baseUrl: 'HTTPS://Host/x/', logger }).baseUrl.href).toBe('https://host/x')
    expect(warnings).toEqual([])
  })
})

describe('readRequestOptions', () => {
  const client = readConfig({})

  it.each<[string, unknown]>([
    ['options', new AbortController().signal],
    ['options', null],
    ['timeuot', { timeuot: 1 }],
    ['apiKey', { apiKey: 'k' }],
    ['signal', { signal: {} }],
    ['signal', { signal: new EventTarget() }],
    ['signal', { signal: { aborted: false, addEventListener: () => undefined } }],
    ['signal', { signal: new AbortController() }],
    ['timeout', { timeout: NaN }],
    ['maxRetries', { maxRetries: NaN }],
    ['headers', { headers: new Headers() }],
  ])('names %s when it is refused', (name, options) => {
    const read = (): unknown => readRequestOptions(options as never, client)
    expect(read).toThrow(withCode('ERR_INVALID_OPTION'))
    expect(read).toThrow(new RegExp(`\\b${name}\\b`))
  })

  it('has those of the client as defaults', () => {
    const { signal } = new AbortController()
    expect(readRequestOptions({ signal, timeout: 5 }, client)).toEqual({
      signal,
      timeout: 5,
      maxRetries: 2,
      headers: {},
    })
  })
})

it('prints warnings on the console where there are no process warnings', () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue()
  neutral.warn('plain HTTP')
  expect(warn).toHaveBeenCalledWith('plain HTTP')
  vi.restoreAllMocks()
})
