import { platform } from '#crypto-platform'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openEnvelope, sealEnvelope } from '../src/envelope/index.js'
import { parseEnvelope } from '../src/wire-v1/parse.js'
import { readPlainly } from './envelope-oracle.js'
import { compareWithOracle, outcomeOf } from './parse-differential.js'
import { refusalCodeOf, testPair, textOf, utf8, expectRefusal } from './support.js'

const { publicKey, privateKey } = await testPair('server')
const long = textOf(await sealEnvelope(new Uint8Array(20_000), publicKey))
const short = textOf(await sealEnvelope(new Uint8Array(20), publicKey))

it('reads what JSON.parse reads, and refuses the rest with the same codes', async () => {
  const outcomes = await compareWithOracle(20_000, 20_261_128)
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(100)
})

describe.each([
  ['long', long],
  ['short', short],
])('of a %s envelope', (_, sealed) => {
  it('reads the parts', async () => {
    const parts = await parseEnvelope(utf8(sealed), {})
    expect(parts).toEqual(readPlainly(utf8(sealed), {}))
  })

  it.each([
    ['an escape in the ciphertext', sealed.replace('A', '\\u0041')],
    ['an escaped slash in the wrapped key', sealed.replace(/\/(?=[^"]*","key_)/, '\\/')],
    ['an escape in a name', sealed.replace('"nonce"', '"n\\u006fnce"')],
    ['an escape in a label', sealed.replace('"1.0"', '"1\\u002E0"')],
    [
      'the ciphertext once more before',
      sealed.replace('"ciphertext"', '"ciphertext":"","ciphertext"'),
    ],
    ['another long member before it', `{"note":"${'x'.repeat(20_000)}",${sealed.slice(1)}`],
    ['an escaped quote before it', `{"note":"\\"",${sealed.slice(1)}`],
    ['many members before it', `{${'"x":1,'.repeat(100)}${sealed.slice(1)}`],
    ['the payload once more before', `{"encrypted_payload":{"ciphertext":7},${sealed.slice(1)}`],
    [
      'unknown members of every type',
      `{"a":[1,-2.5e3,true,null,"é\\n",{"b":{}}],${sealed.slice(1)}`,
    ],
    ['a member that is longer than exact numbers', `{"a":${'9'.repeat(400)},${sealed.slice(1)}`],
    ['white space everywhere', sealed.replace(/[{}:,]/g, ' \n$&\r\t')],
  ])('accepts %s', async (_, text) => {
    expect(text).not.toBe(sealed)
    expect(await outcomeOf(utf8(text), {})).toBe('accepted')
  })

  it.each([
    ['the ciphertext once more behind', sealed.replace('"nonce"', '"ciphertext":"AAA","nonce"')],
    ['the payload once more behind', `${sealed.slice(0, -1)},"encrypted_payload":{}}`],
    [
      'a control character in a replaced ciphertext',
      sealed.replace('{"c', '{"ciphertext":"\n","c'),
    ],
    ['the ciphertext under another name', sealed.replace('"ciphertext"', '"other"')],
    ['no end', sealed.slice(0, sealed.length / 2)],
    ['a space in the ciphertext', sealed.replace('"ciphertext":"', '"ciphertext":" ')],
    ['no closing brace', sealed.slice(0, -1)],
    ['bytes that are not UTF-8 before it', `{"\xff":1,${sealed.slice(1)}`],
    ['bytes that are not UTF-8 inside', sealed.replace('"ciphertext":"', '"ciphertext":"\xff')],
    ['a byte order mark', `\xef\xbb\xbf${sealed}`],
    ['a second value', `${sealed}{}`],
    ['a comma behind the last member', `${sealed.slice(0, -1)},}`],
    ['single quotes', sealed.replaceAll('"', "'")],
    ['an array around it', `[${sealed}]`],
  ])('refuses %s', async (_, text) => {
    const body = Uint8Array.from(text, (character) => character.charCodeAt(0))
    expect(await outcomeOf(body, {})).toBe('ERR_ENVELOPE_INVALID')
    await expectRefusal(() => openEnvelope(body, privateKey), 'ERR_ENVELOPE_INVALID')
  })

  it('refuses another label', async () => {
    const body = utf8(sealed.replace('"1.0"', '"2.0"'))
    expect(await outcomeOf(body, {})).toBe('ERR_ENVELOPE_UNSUPPORTED')
    await expectRefusal(() => openEnvelope(body, privateKey), 'ERR_ENVELOPE_UNSUPPORTED')
  })
})

describe('long base64', () => {
  const base64 = (bytes: number): string => Buffer.alloc(bytes, 'content').toString('base64')
  const ciphertext = /(?<="ciphertext":)"[^"]*"/
  const withCiphertext = (json: string): string => short.replace(ciphertext, () => json)

  // Both sides of the length from which a JSON parser no longer sees it.
  it.each([12_285, 12_288, 12_291, 1_000_001])('is read whole: %d bytes', async (bytes) => {
    const body = utf8(withCiphertext(`"${base64(bytes)}"`))
    expect((await parseEnvelope(body, {})).ciphertextAndTag.length).toBe(bytes + 16)
    expect(await outcomeOf(body, {})).toBe('accepted')
    expect(await outcomeOf(body, { acceptAppendedTag: true })).toBe('accepted')
    const legacy = utf8(withCiphertext(`"${base64(bytes)}"`).replace(/,"tag":"[^"]*"/, ''))
    expect(await outcomeOf(legacy, { acceptAppendedTag: true })).toBe('accepted')
  })

  it.each([
    ['behind an escaped quote', `"\\"${base64(30_000)}"`],
    ['before an escaped quote', `"${base64(30_000)}\\""`],
    ['with an escape in it', `"${base64(15_000)}\\u0041${base64(30_000)}"`],
    ['with a control character in it', `"${base64(15_000)}\n${base64(30_000)}"`],
    ['between two strings', `"a"${base64(30_000)}"a"`],
    ['without quotes', base64(30_000)],
    ['as a name', `"a","${base64(30_000)}":1`],
    ['twice', `"${base64(30_000)}","ciphertext":"${base64(30_003)}"`],
    ['and then short', `"${base64(30_000)}","ciphertext":"${base64(30)}"`],
    ['and then malformed', `"${base64(30_000)}","ciphertext":"${base64(30)}*"`],
    ['in an array', `["${base64(30_000)}"]`],
    ['with another character', `"*${base64(20_000)}"`],
    ['with padding inside', `"${base64(20_000)}${base64(20_000)}"`],
    ['of no whole length', `"${base64(20_001)}A"`],
  ])('is what it is to JSON.parse %s', async (_, json) => {
    for (const text of [withCiphertext(json), short.replace(/(?<="nonce":)"[^"]*"/, () => json)]) {
      expect(await outcomeOf(utf8(text), {}), text.slice(0, 200)).toBeDefined()
    }
  })

  it('that is malformed is not mistaken for too much JSON', async () => {
    const body = utf8(withCiphertext(`"${base64(1_000_000)}*"`))
    await expectRefusal(() => parseEnvelope(body, {}), 'ERR_ENVELOPE_INVALID')
  })

  it('has a placeholder that no envelope can name', async () => {
    const uuids = new Set<string>()
    const { randomUUID } = crypto
    vi.spyOn(crypto, 'randomUUID').mockImplementation(() => {
      const uuid = randomUUID.call(crypto)
      uuids.add(uuid)
      return uuid
    })
    await parseEnvelope(utf8(long), {})
    await parseEnvelope(utf8(long), {})
    expect(uuids.size).toBe(2)
  })
})

describe('the work that an envelope may cause', () => {
  afterEach(() => vi.restoreAllMocks())

  const LARGEST = 16 * 1024 * 1024
  const PARSED = 64 * 1024
  const filled = (start: string, item: string, end: string): Uint8Array => {
    const room = LARGEST - short.length - start.length - end.length
    const count = Math.floor(room / Buffer.byteLength(item))
    return utf8(`${short.slice(0, -1)}${start}${item.repeat(count)}${end}}`)
  }

  /** Counts the searches from here on. */
  function countSearches(): { readonly count: number } {
    const searches = { count: 0 }
    const real = platform.search
    vi.spyOn(platform, 'search').mockImplementation((bytes) => {
      const search = real(bytes)
      const next = search.next.bind(search)
      return { next: (byte, from) => (searches.count++, next(byte, from)) }
    })
    return searches
  }

  /** Counts the searches in an envelope and the characters of JSON that are parsed. */
  async function workOf(
    body: Uint8Array,
  ): Promise<{ code: string; searches: number; parsed: number }> {
    const searches = countSearches()
    const parse = vi.spyOn(JSON, 'parse')
    const code = await refusalCodeOf(() => parseEnvelope(body, {}))
    const parsed = parse.mock.calls.reduce((sum, [text]) => sum + text.length, 0)
    return { code, searches: searches.count, parsed }
  }

  it.each([
    ['empty objects', filled(',"x":[', '{},', '1]')],
    ['empty arrays', filled(',"x":[', '[],', '1]')],
    ['numbers', filled(',"x":[', '1,', '1]')],
    ['literals', filled(',"x":[', 'null,', '1]')],
    ['empty strings', filled(',"x":[', '"",', '1]')],
    ['objects with members', filled(',"x":[', '{"a":{"b":[]}},', '1]')],
    ['unknown members', filled('', ',"k":0', '')],
    ['members with escapes in their names', filled('', ',"\\u006b":0', '')],
    ['known members', filled('', ',"version":"1.0"', '')],
    ['members named __proto__', filled('', ',"__proto__":{}', '')],
    ['known members of the payload', filled(',"encrypted_payload":{"tag":""', ',"tag":""', '}')],
    ['deep arrays', filled(',"x":', '[', '')],
    ['deep objects', filled(',"x":', '{"a":', '')],
    ['digits', filled(',"x":', '9', '')],
    ['white space', filled('', ' ', '')],
    ['quotes', filled('', '"', '')],
    ['escaped quotes', filled(',"x":"', '\\"', '"')],
    [
      'quotes between long strings',
      filled(',"x":', `"${'QUJD'.repeat(5000)}"${'""'.repeat(20_000)}`, ''),
    ],
    [
      'members between long strings',
      filled('', `,"x":"${'QUJD'.repeat(4100)}"${',"version":1'.repeat(4)}`, ''),
    ],
    ['long strings that are not base64', filled(',"x":["",', `"${'*'.repeat(20_000)}",`, '""]')],
  ])('is bounded for %s', async (_, body) => {
    const { code, searches, parsed } = await workOf(body)
    expect(code).toBe('ERR_ENVELOPE_TOO_LARGE')
    expect(searches).toBeLessThanOrEqual(2 * PARSED)
    expect(parsed).toBe(0)
  })

  it.each([
    ['one long string', filled(',"x":"', '* ', '"')],
    ['one long string beyond ASCII', filled(',"x":"', 'é', '"')],
    ['one long string of escapes', filled(',"x":"', '\\n', '"')],
    ['one long name', filled(',"', '* ', '":1')],
  ])('is bounded for %s', async (_, body) => {
    const { code, searches, parsed } = await workOf(body)
    expect(code).toBe('ERR_ENVELOPE_INVALID')
    expect({ many: searches > 100, parsed }).toEqual({ many: false, parsed: 0 })
  })

  it('leaves 64 KiB for everything beside long base64', async () => {
    const note = (bytes: number): Uint8Array =>
      utf8(`{${' '.repeat(bytes - short.length)}${short.slice(1)}`)
    expect(note(PARSED).length).toBe(PARSED)
    await parseEnvelope(note(PARSED), {})
    await expectRefusal(() => parseEnvelope(note(PARSED + 1), {}), 'ERR_ENVELOPE_TOO_LARGE')
  })

  it('is one parse of a small text for an envelope of megabytes', async () => {
    const envelope = await sealEnvelope(new Uint8Array(12_000_000), publicKey)
    const searches = countSearches()
    const parse = vi.spyOn(JSON, 'parse')
    await parseEnvelope(envelope, {})
    expect(parse.mock.calls.map(([text]) => text.length < 2000)).toEqual([true])
    expect(searches.count).toBeGreaterThan(0)
    expect(searches.count).toBeLessThan(100)
  })
})
