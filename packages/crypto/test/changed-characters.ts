import fc from 'fast-check'
import { openEnvelope, sealEnvelope } from '../src/envelope/index.js'
import { SecurityError } from '../src/errors.js'
import { testPair, textOf, utf8, valueOrRefusal } from './support.js'

/** The characters that replace others. */
export const ALPHABETS = [
  ['printable ASCII', String.fromCharCode(...Array.from({ length: 95 }, (_, at) => 32 + at))],
  // These get past the framing, to the tag and the key.
  ['base64', 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/='],
] as const

/** Changes one character of an envelope at a time, at every `step`-th position, and opens the result. */
export async function changeCharacters(
  alphabet: string,
  step: number,
): Promise<{ changed: number; accepted: string[] }> {
  const { publicKey, privateKey } = await testPair('server')
  const envelope = textOf(await sealEnvelope(utf8('{"model":"m"}'), publicKey))
  const choices = fc.sample(fc.nat(), { numRuns: envelope.length, seed: 20260101 })
  const accepted: string[] = []
  let changed = 0
  for (let position = 0; position < envelope.length; position += step) {
    const original = envelope.charAt(position)
    const others = alphabet.replace(original, '')
    const replacement = others.charAt((choices[position] ?? 0) % others.length)
    const text = envelope.slice(0, position) + replacement + envelope.slice(position + 1)
    const outcome = await valueOrRefusal(() => openEnvelope(utf8(text), privateKey))
    changed++
    if (!(outcome instanceof SecurityError)) {
      accepted.push(`${original} -> ${replacement} at ${position}`)
    }
  }
  return { changed, accepted }
}
