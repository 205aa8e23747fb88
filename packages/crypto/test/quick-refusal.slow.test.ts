import { expect, it } from 'vitest'
import { parseJsonObject } from '../src/bytes/json-object.js'
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
