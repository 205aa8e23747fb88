import { Buffer, transcode } from 'node:buffer'
import type { Bytes } from '../bytes/bytes.js'
import { free } from './node-bytes.js'
import type { Platform } from './platform.js'

/**
 * A string with more characters is long: below that, its text takes little memory and less time. Before Node
 * 26, which encodes JSON several times faster, long strings take less time in parts.
 */
const LONG_CHARACTERS = (Number.parseInt(process.versions.node) < 26 ? 0.25 : 2) * 1024 * 1024
/** Characters of a long string that are written at a time: they fit the processor's cache. */
const PART_CHARACTERS = 16 * 1024
/** Values that the search for a long string visits. */
const MOST_VALUES = 10_000

type SizeFor = (length: number) => number

/**
 * See {@link Platform.encodeJson}. `JSON.stringify` builds a text in pieces and then joins them: twice
 * the size of a large request, and garbage once its bytes are written. Requests are large because of a
 * document or an image, which is one string. So long strings are left out of the text and written
 * directly to the result.
 */
export function encodeJson(
  value: unknown,
  sizeFor: SizeFor,
  longCharacters = LONG_CHARACTERS,
): ReturnType<Platform['encodeJson']> {
  const isLong = (one: unknown): one is string =>
    typeof one === 'string' && one.length > longCharacters
  // Fresh for each call, so that no value can contain it.
  const placeholder = crypto.randomUUID()
  const long: string[] = []
  const leaveOut = (_name: string, one: unknown): unknown => {
    if (!isLong(one)) return one
    long.push(one)
    return placeholder
  }
  // A replacer costs a call for every value, so it is only used where a long string exists.
  const replacer = hasAny(value, isLong) ? leaveOut : undefined
  const json = JSON.stringify(value, replacer) as string | undefined
  if (json === undefined) return undefined
  return long.length === 0
    ? encodeText(json, sizeFor)
    : encodeAround(json.split(placeholder), long, sizeFor)
}

/** Returns whether a value or one within it matches, among the first values. */
function hasAny(value: unknown, matches: (one: unknown) => boolean): boolean {
  const values = [value]
  for (const one of values) {
    if (matches(one)) return true
    if (typeof one !== 'object' || one === null) continue
    for (const member of Object.values(one)) {
      if (values.length === MOST_VALUES) break
      values.push(member)
    }
  }
  return false
}

function encodeText(text: string, sizeFor: SizeFor): { bytes: Bytes; length: number } {
  const length = Buffer.byteLength(text)
  const bytes = new Uint8Array(sizeFor(length))
  Buffer.from(bytes.buffer).write(text)
  return { bytes, length }
}

/** Joins texts, with the content of one string between each and the next. */
function encodeAround(
  texts: readonly string[],
  strings: readonly string[],
  sizeFor: SizeFor,
): { bytes: Bytes; length: number } {
  // Memory that is never touched is never allocated: a guess that is too large costs nothing.
  const guess = [...texts, ...strings].reduce((sum, text) => sum + likelyLength(text), 0)
  const utf16 = Buffer.alloc(2 * MOST_ESCAPED * PART_CHARACTERS)
  let bytes = new Uint8Array(sizeFor(guess))
  let length = 0
  let isWide = false
  const append = (text: string): number => {
    bytes = withRoom(bytes, length, text.length * MOST_BYTES)
    const target = Buffer.from(bytes.buffer, length)
    const written = isWide ? writeByTranscoding(text, target, utf16) : target.write(text)
    length += written
    return written
  }
  for (const [index, text] of texts.entries()) {
    isWide = false
    append(text)
    for (const part of partsOf(strings[index] ?? '')) {
      const json = JSON.stringify(part).slice(1, -1)
      isWide = append(json) > WIDE * json.length
    }
  }
  utf16.fill(0)
  const size = sizeFor(length)
  return { bytes: withRoom(bytes, length, size - length).subarray(0, size), length }
}

/** Bytes per character from which on text is wide. Strings of Latin-1, which are written fast, have fewer. */
const WIDE = 1.2
/** The most characters that JSON has for one. */
const MOST_ESCAPED = 6

/** Writes wide text, for which `Buffer.write` takes twice the time. */
function writeByTranscoding(text: string, target: Buffer, utf16: Buffer): number {
  const size = utf16.write(text, 'utf16le')
  const utf8 = transcode(utf16.subarray(0, size), 'utf16le', 'utf8')
  target.set(utf8)
  const { length } = utf8.fill(0)
  free(utf8)
  return length
}

/** The most bytes that one unit of a string takes in UTF-8. */
const MOST_BYTES = 3

/** Estimates the encoded length from the first part, plus a margin. */
function likelyLength(text: string): number {
  const part = JSON.stringify(text.slice(0, PART_CHARACTERS))
  const perCharacter = Buffer.byteLength(part) / Math.min(text.length, PART_CHARACTERS)
  return Math.ceil(text.length * perCharacter * 1.05) + PART_CHARACTERS * MOST_BYTES
}

/** Returns the buffer, or a larger copy of its first `length` bytes where the room is too small. */
function withRoom(bytes: Bytes, length: number, needed: number): Bytes {
  if (length + needed <= bytes.length) return bytes
  const larger = new Uint8Array(Math.max(length + needed, 2 * bytes.length))
  larger.set(bytes.subarray(0, length))
  bytes.fill(0)
  return larger
}

function* partsOf(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    // Never between the halves of a surrogate pair.
    const isFirstHalf = (text.charCodeAt(at + PART_CHARACTERS - 1) & 0xfc00) === 0xd800
    const end = at + PART_CHARACTERS - (isFirstHalf ? 1 : 0)
    yield text.slice(at, end)
    at = end
  }
}
