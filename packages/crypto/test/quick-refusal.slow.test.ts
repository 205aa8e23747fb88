import { expect, it } from 'vitest'
import { parseJsonObject } from '../src/bytes/json-object.js'
import { importPrivateKey, importPublicKey } from '../src/keys/index.js'
import { decodePem } from '../src/keys/pem.js'
import { refusalCodeOf, utf8 } from './support.js'

const MIB = 1024 * 1024
const pem = '-----BEGIN PUBLIC KEY-----\nAQIDBA==\n-----END PUBLIC KEY-----\n'

async function timed(action: () => unknown): Promise<{ code: string; durationMs: number }> {
  const start = performance.now()
  const code = await refusalCodeOf(action)
  return { code, durationMs: performance.now() - start }
}

it.each([
  ['quotes', '"'.repeat(4 * MIB)],
  ['backslashes', `"${'\\'.repeat(4 * MIB)}"`],
  ['escaped quotes', `"${'\\"'.repeat(2 * MIB)}`],
  ['closing brackets', ']'.repeat(4 * MIB)],
])('finds the depth of JSON quickly in %s', async (_, json) => {
  const { durationMs } = await timed(() => parseJsonObject(utf8(json), 'ERR_PLAINTEXT_INVALID', 2))
  expect(durationMs).toBeLessThan(2000)
})

it.each([
  ['begins', '-----BEGIN A-----\n'.repeat(910)],
  ['line breaks', `-----BEGIN A-----\n${'\n'.repeat(16_000)}`],
  ['line breaks of both kinds', `-----BEGIN A-----\n${'\r\n'.repeat(8_000)}`],
  ['white space behind', `${pem}${' '.repeat(16_000)}x`],
  ['ends', `-----BEGIN A-----\nA\n${'-----END A\n'.repeat(1400)}`],
])('refuses PEM quickly, made of %s', async (_, text) => {
  const { code, durationMs } = await timed(() => decodePem(text))
  expect(code).toBe('ERR_KEY_INVALID')
  expect(durationMs).toBeLessThan(1000)
})

const fill = (unit: string, length: number): string => unit.repeat(Math.floor(length / unit.length))

it.each(['BEGIN ', '-----BEGIN ', 'BEGIN A', '{"', '0\uFFFD', ' ', 'ssh-', '\n-----BEGIN X-----'])(
  'refuses other texts quickly, made of %j',
  async (unit) => {
    const asPublic = await timed(() => importPublicKey(fill(unit, 16 * 1024)))
    const asPrivate = await timed(() => importPrivateKey(fill(unit, 64 * 1024)))
    // The first call loads the code of refusals.
    for (const { durationMs } of [asPublic, asPrivate]) expect(durationMs).toBeLessThan(1000)
    expect(
      [asPublic.code, asPrivate.code].every((code) => /^ERR_KEY_(?:INVALID|TYPE)$/.test(code)),
    ).toBe(true)
  },
)
