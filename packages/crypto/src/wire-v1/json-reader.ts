import { platform } from '#crypto-platform'
import { decodeBase64 } from '../bytes/decode-base64.js'
import type { Bytes } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'

/** An envelope has two levels; the rest is room for unknown members. */
const MAX_DEPTH = 32
/** Tokens that take more than a look at their bytes: an envelope has ten, a hostile one has millions. */
const MAX_COSTLY_TOKENS = 10_000
/** A number with more digits may not be exact. */
const MAX_PLAIN_DIGITS = 15

const QUOTE = 0x22
const COMMA = 0x2c
const ZERO = 0x30
const COLON = 0x3a
const OPENING_BRACKET = 0x5b
const BACKSLASH = 0x5c
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** Known members of an object: for each name a function that reads the value. */
type Members = Readonly<Record<string, () => unknown>>

/** Known members that are present, by name. */
type Values<M extends Members> = { readonly [Name in keyof M]?: ReturnType<M[Name]> }

/** Reads JSON values of known types in the order of the text. Each method takes one value. */
export interface JsonReader {
  /**
   * Reads known members by their functions, and skips others; the last of repeated members counts.
   *
   * @returns an object without a prototype; undefined for other values
   */
  object<M extends Members>(members: M): Values<M> | undefined
  /** Returns whether the value is a string of this text. */
  text(expected: string): boolean
  /** Returns null or a finite number as it is, undefined for other values. */
  numberOrNull(): number | null | undefined
  /** Decodes a string as {@link decodeBase64} does; undefined for other values. */
  base64(minBytes: number, maxBytes: number, spareBytes?: number): Bytes | undefined
  /** Refuses everything but white space behind the last value. */
  end(): void
}

/**
 * Reads an untrusted envelope as JSON (RFC 8259) straight from its bytes: fatal UTF-8, no byte order
 * mark, limited depth. Base64 is decoded from the bytes; unknown members are checked and skipped, and
 * nothing is kept of them. Tokens that are not plain (strings with escapes or beyond ASCII, literals,
 * numbers other than short whole ones) are left to `JSON.parse`, up to 10,000 of them.
 *
 * Methods of the reader throw a SecurityError at the first fault: `ERR_ENVELOPE_TOO_LARGE` for depth,
 * `ERR_ENVELOPE_INVALID` for all others.
 */
export function jsonReader(json: Uint8Array): JsonReader {
  let position = 0
  let depth = 0
  let costlyTokens = 0
  // The last string: its bytes between the quotes, and its text where it is not plain.
  let start = 0
  let end = 0
  let decoded: string | undefined

  /** Skips white space. Returns the byte behind it; at the end 0, which JSON forbids. */
  const next = (): number => {
    for (;;) {
      const byte = json[position] ?? 0
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte
      position++
    }
  }

  const takes = (byte: number): boolean => {
    if (next() !== byte) return false
    position++
    return true
  }

  const expect = (byte: number): void => {
    if (!takes(byte)) throw malformed()
  }

  const countCostlyToken = (): void => {
    if (++costlyTokens > MAX_COSTLY_TOKENS) throw malformed()
  }

  /** Returns the value of the token from a position up to the current one. */
  const parseFrom = (first: number): unknown => {
    countCostlyToken()
    try {
      return JSON.parse(platform.decodeUtf8(json.subarray(first, position)) ?? '')
    } catch {
      throw malformed()
    }
  }

  const string = (): void => {
    expect(QUOTE)
    start = position
    let at = start
    let isPlain = true
    for (let byte; (byte = json[at]) !== QUOTE; at++) {
      if (byte === undefined) throw malformed()
      if (byte === BACKSLASH) at++
      if (byte === BACKSLASH || byte < 0x20 || byte >= 0x80) isPlain = false
    }
    end = at
    position = at + 1
    decoded = isPlain ? undefined : (parseFrom(start - 1) as string)
  }

  const contentIs = (text: string): boolean => {
    if (decoded !== undefined) return decoded === text
    if (end - start !== text.length) return false
    for (let at = start; at < end; at++) {
      if (json[at] !== text.charCodeAt(at - start)) return false
    }
    return true
  }

  /** Returns the value of a number or a literal. */
  const scalar = (): unknown => {
    const first = position
    let isWhole = true
    let value = 0
    for (let byte; (byte = json[position] ?? 0) > 0x20; position++) {
      if (byte === COMMA || isClosing(byte)) break
      if (byte < ZERO || byte >= COLON) isWhole = false
      value = value * 10 + byte - ZERO
    }
    const digits = position - first
    const isPlain =
      isWhole && digits <= MAX_PLAIN_DIGITS && (digits === 1 || value >= 10 ** (digits - 1))
    return isPlain ? value : parseFrom(first)
  }

  /** Reads an object or an array, item by item. */
  const items = (readItem: () => unknown): void => {
    if (++depth > MAX_DEPTH) {
      throw new SecurityError('ERR_ENVELOPE_TOO_LARGE', 'The envelope is nested too deeply.')
    }
    // In ASCII there is one character between opening and closing brackets of either kind.
    const closing = (json[position++] ?? 0) + 2
    if (!takes(closing)) {
      do readItem()
      while (takes(COMMA))
      expect(closing)
    }
    depth--
  }

  const skipMember = (): void => {
    string()
    expect(COLON)
    skip()
  }

  /** Checks a value of any type. Returns it if it is a number or a literal. */
  const skip = (): unknown => {
    const byte = next()
    if (byte === QUOTE) string()
    else if (byte === OPENING_BRACE) items(skipMember)
    else if (byte === OPENING_BRACKET) items(skip)
    else return scalar()
    return undefined
  }

  return {
    object(members) {
      if (next() !== OPENING_BRACE) {
        skip()
        return undefined
      }
      const values = Object.create(null) as Record<string, unknown>
      const names = Object.keys(members)
      items(() => {
        string()
        const name = names.find(contentIs)
        expect(COLON)
        if (name === undefined) skip()
        else {
          countCostlyToken()
          values[name] = members[name]?.()
        }
      })
      return values as Values<typeof members>
    },
    text(expected) {
      const isString = next() === QUOTE
      skip()
      return isString && contentIs(expected)
    },
    numberOrNull() {
      const number = skip()
      return number === null || Number.isFinite(number) ? (number as number | null) : undefined
    },
    base64(...limits) {
      if (next() !== QUOTE) {
        skip()
        return undefined
      }
      const closing = platform.indexOfByte(json, QUOTE, position + 1)
      const bytes =
        closing > 0 ? decodeBase64(json.subarray(position + 1, closing), ...limits) : undefined
      if (bytes === undefined) {
        string()
        return decoded === undefined
          ? undefined
          : decodeBase64(new TextEncoder().encode(decoded), ...limits)
      }
      // Base64 has no character that JSON escapes or forbids: this is the whole string.
      position = closing + 1
      return bytes
    },
    end() {
      next()
      if (position < json.length) throw malformed()
    },
  }
}

/** Brackets and braces differ in one bit. */
const isClosing = (byte: number): boolean => (byte | 0x20) === CLOSING_BRACE

const malformed = (): SecurityError =>
  new SecurityError('ERR_ENVELOPE_INVALID', 'The envelope is not valid JSON.')
