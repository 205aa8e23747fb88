import { SecurityError } from '@nomyo/crypto'
import { InvalidRequestError } from '@nomyo/transport'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../src/config.js'

const pin = `sha256/${Buffer.alloc(32, 7).toString('base64')}`

describe('readConfig', () => {
  it('has defaults for everything', () => {
    const config = readConfig({})
    expect(config.baseUrl.href).toBe('https://api.nomyo.ai/')
    expect(config).toMatchObject({
      apiKey: undefined,
      maxRetries: 2,
      timeoutMs: 600_000,
      serverKeyPins: [],
      minServerKeyBits: 4096,
      padding: 'padme',
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
    ['allowHttp', { allowHttp: 'yes' }],
    ['apiKey', { apiKey: 'two\r\nlines' }],
    ['apiKey', { apiKey: 'with blank' }],
    ['apiKey', { apiKey: 7 }],
    ['maxRetries', { maxRetries: -1 }],
    ['maxRetries', { maxRetries: 1.5 }],
    ['timeout', { timeout: 0 }],
    ['timeout', { timeout: 2 ** 31 }],
    ['timeout', { timeout: '10' }],
    ['serverKeyPins', { serverKeyPins: [] }],
    ['serverKeyPins', { serverKeyPins: pin }],
    ['minServerKeyBits', { minServerKeyBits: 1024 }],
    ['padding', { padding: 'lots' }],
    ['fetch', { fetch: true }],
    ['onStep', { onStep: {} }],
  ])('names %s when it is refused: %j', (name, options) => {
    const read = (): unknown => readConfig(options)
    expect(read).toThrow(InvalidRequestError)
    expect(read).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }) as Error)
    expect(read).toThrow(new RegExp(`\\b${name}\\b`))
  })

  it('repeats no part of a key in an error', () => {
    expect(() => readConfig({ apiKey: 'sk-canary\n' })).not.toThrow(/canary/)
    expect(() => readConfig({ baseUrl: 'https://user:canary@host' })).not.toThrow(/canary/)
  })

  it('refuses malformed pins', () => {
    expect(() => readConfig({ serverKeyPins: ['sha256/short'] })).toThrow(
      expect.objectContaining({ code: 'ERR_KEY_INVALID' }) as Error,
    )
    expect(readConfig({ serverKeyPins: [pin] }).serverKeyPins).toEqual([pin])
  })

  it('refuses http:// unless it is allowed, and then warns', () => {
    const insecure = { baseUrl: 'http://localhost:12435' }
    expect(() => readConfig(insecure)).toThrow(SecurityError)
    expect(() => readConfig(insecure)).toThrow(
      expect.objectContaining({ code: 'ERR_INSECURE_URL' }) as Error,
    )
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
