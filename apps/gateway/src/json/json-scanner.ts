import { isUtf8 } from 'node:buffer'
import { JsonError } from './json-error.js'

/** Limits of JSON that is read. */
export interface JsonLimits {
  /** Deepest nesting of objects and arrays. */
  readonly maxDepth: number
  /** Largest number of values: objects, arrays, texts, numbers and literals, at all levels. */
  readonly maxValues: number
}

/** Receives the values of the outer levels as a {@link JsonScanner} reads them. */
export interface JsonListener {
  /** Deepest level that is reported: 0 is the outermost value, 1 its members, and so on. */
  readonly depth: number
  /**
   * Called where a value begins.
   *
   * @param first - first byte, which tells the type
   * @param nameStart - offset of the quote before its name, in an object
   * @param nameEnd - offset behind the quote after its name, in an object
   */
  begin(level: number, first: number, at: number, nameStart: number, nameEnd: number): void
  /** Called where a value ends, with the offset behind it. */
  end(level: number, at: number): void
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** The longest number that is read in one piece; a double needs 25 characters at most. */
const MAX_NUMBER_BYTES = 4096

/** State: the token that must come next. */
const EXPECT_VALUE = 0
const EXPECT_VALUE_OR_CLOSE = 1
const EXPECT_NAME = 2
const EXPECT_NAME_OR_CLOSE = 3
const EXPECT_COLON = 4
const EXPECT_COMMA_OR_CLOSE = 5
const EXPECT_END = 6
const IN_NAME = 7
const IN_TEXT = 8

const LITERALS = new Map(
  ['true', 'false', 'null'].map((text) => [text.charCodeAt(0), Buffer.from(text)]),
)

/**
 * Strict reader of JSON (RFC 8259) that builds no values: it checks the grammar, UTF-8 and the limits,
 * and reports where the outer values are. Its memory does not depend on the text, and it can pause
 * anywhere.
 */
export class JsonScanner {
  readonly #bytes: Uint8Array
  /** The same bytes, four at a time, the first from an aligned position on. */
  readonly #words: Int32Array
  readonly #limits: JsonLimits
  readonly #listener: JsonListener
  /** For each open container, 1 for an object. */
  readonly #isObject: Uint8Array
  #level = 0
  #expected = EXPECT_VALUE
  #at = 0
  /** End of the bytes that are known to be UTF-8. */
  #utf8End = 0
  #values = 0
  #nameStart = 0
  #nameEnd = 0

  constructor(bytes: Uint8Array, limits: JsonLimits, listener: JsonListener) {
    this.#bytes = bytes
    const { buffer, byteOffset, length } = bytes
    const skew = byteOffset % 4
    this.#words = new Int32Array(buffer, byteOffset - skew, (skew + length) >> 2)
    this.#limits = limits
    this.#listener = listener
    this.#isObject = new Uint8Array(limits.maxDepth)
  }

  /**
   * Reads on, for about this many bytes.
   *
   * @returns true at the end of the text
   * @throws JsonError `malformed`, `too-deep`, `too-many-values`
   */
  advance(byteCount: number): boolean {
    const { length } = this.#bytes
    const until = Math.min(length, this.#at + byteCount)
    this.#checkUtf8(until)
    while (this.#at < until) {
      if (this.#expected >= IN_NAME) this.#readText(until)
      else this.#readToken()
    }
    if (this.#at < length) return false
    if (this.#expected !== EXPECT_END) throw new JsonError('malformed')
    return true
  }

  /** Checks up to this offset, or to the character that lies across it. */
  #checkUtf8(until: number): void {
    const bytes = this.#bytes
    let end = until
    while (end < bytes.length && end > until - 4 && isContinuation(bytes[end])) end--
    if (end <= this.#utf8End) return
    if (!isUtf8(bytes.subarray(this.#utf8End, end))) throw new JsonError('malformed')
    this.#utf8End = end
  }

  #readToken(): void {
    const byte = this.#bytes[this.#at] ?? 0
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
      this.#at++
      return
    }
    switch (this.#expected) {
      case EXPECT_VALUE_OR_CLOSE:
        if (byte === CLOSE_ARRAY) this.#close()
        else this.#readValue(byte)
        return
      case EXPECT_VALUE:
        this.#readValue(byte)
        return
      case EXPECT_NAME_OR_CLOSE:
      case EXPECT_NAME:
        if (byte === QUOTE) {
          this.#nameStart = this.#at++
          this.#expected = IN_NAME
        } else if (byte === CLOSE_OBJECT && this.#expected === EXPECT_NAME_OR_CLOSE) this.#close()
        else throw new JsonError('malformed')
        return
      case EXPECT_COLON:
        if (byte !== COLON) throw new JsonError('malformed')
        this.#at++
        this.#expected = EXPECT_VALUE
        return
      case EXPECT_COMMA_OR_CLOSE:
        this.#readCommaOrClose(byte)
        return
      default:
        throw new JsonError('malformed')
    }
  }

  #readCommaOrClose(byte: number): void {
    const isObject = this.#isObject[this.#level - 1] === 1
    if (byte === COMMA) {
      this.#at++
      this.#expected = isObject ? EXPECT_NAME : EXPECT_VALUE
    } else if (byte === (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) this.#close()
    else throw new JsonError('malformed')
  }

  #readValue(first: number): void {
    if (++this.#values > this.#limits.maxValues) throw new JsonError('too-many-values')
    if (this.#level <= this.#listener.depth) {
      const isMember = this.#level > 0 && this.#isObject[this.#level - 1] === 1
      const nameStart = isMember ? this.#nameStart : this.#at
      const nameEnd = isMember ? this.#nameEnd : this.#at
      this.#listener.begin(this.#level, first, this.#at, nameStart, nameEnd)
    }
    if (first === QUOTE) {
      this.#at++
      this.#expected = IN_TEXT
    } else if (first === OPEN_OBJECT || first === OPEN_ARRAY) this.#open(first === OPEN_OBJECT)
    else {
      this.#at = LITERALS.has(first) ? this.#endOfLiteral(first) : this.#endOfNumber()
      this.#endValue()
    }
  }

  #open(isObject: boolean): void {
    if (this.#level >= this.#limits.maxDepth) throw new JsonError('too-deep')
    this.#isObject[this.#level++] = isObject ? 1 : 0
    this.#expected = isObject ? EXPECT_NAME_OR_CLOSE : EXPECT_VALUE_OR_CLOSE
    this.#at++
  }

  #close(): void {
    this.#at++
    this.#level--
    this.#endValue()
  }

  #endValue(): void {
    this.#expected = this.#level === 0 ? EXPECT_END : EXPECT_COMMA_OR_CLOSE
    if (this.#level <= this.#listener.depth) this.#listener.end(this.#level, this.#at)
  }

  /** Reads a name or a text to its end, or to this offset. */
  #readText(until: number): void {
    const bytes = this.#bytes
    const skew = bytes.byteOffset % 4
    let at = this.#at
    // Where escapes are frequent, whole words without any are not.
    let wordsFrom = at + 8
    while (at < until) {
      const byte = bytes[at] ?? 0
      if (byte === BACKSLASH) {
        at = endOfEscape(bytes, at)
        wordsFrom = at + 8
      } else if (byte === QUOTE) {
        this.#at = at + 1
        if (this.#expected === IN_TEXT) this.#endValue()
        else {
          this.#nameEnd = this.#at
          this.#expected = EXPECT_COLON
        }
        return
      } else if (byte < 0x20) throw new JsonError('malformed')
      else if (++at >= wordsFrom && ((at + skew) & 3) === 0) {
        at = this.#endOfPlainText(at + skew, until + skew) - skew
      }
    }
    this.#at = at
  }

  /**
   * Passes over whole words of text without quotes, backslashes and control characters.
   *
   * @param start - position in the words, in bytes; a multiple of 4
   */
  #endOfPlainText(start: number, until: number): number {
    const words = this.#words
    const end = until >> 2
    let word = start >> 2
    for (; word < end; word++) {
      // The high bit of a byte is set where it is the one that is sought, or follows such a one.
      const four = words[word] ?? 0
      const quotes = four ^ 0x22222222
      const backslashes = four ^ 0x5c5c5c5c
      const found =
        ((quotes - 0x01010101) & ~quotes) |
        ((backslashes - 0x01010101) & ~backslashes) |
        ((four - 0x20202020) & ~four)
      if ((found & 0x80808080) !== 0) break
    }
    return word * 4
  }

  #endOfLiteral(first: number): number {
    const at = this.#at
    const literal = LITERALS.get(first) ?? Buffer.alloc(0)
    if (literal.every((byte, index) => this.#bytes[at + index] === byte)) return at + literal.length
    throw new JsonError('malformed')
  }

  #endOfNumber(): number {
    const bytes = this.#bytes
    const start = this.#at
    const limit = start + MAX_NUMBER_BYTES
    const digits = (from: number): number => {
      let at = from
      while (at < limit && isDigit(bytes[at])) at++
      if (at >= limit) throw new JsonError('member-too-large')
      if (at === from) throw new JsonError('malformed')
      return at
    }
    let at = bytes[start] === 0x2d ? start + 1 : start
    // No digit may follow a leading zero; what follows a number is checked as the next token.
    if (bytes[at] === 0x30) at++
    else at = digits(at)
    if (bytes[at] === 0x2e) at = digits(at + 1)
    if (((bytes[at] ?? 0) | 0x20) === 0x65) {
      const sign = bytes[at + 1]
      at = digits(sign === 0x2b || sign === 0x2d ? at + 2 : at + 1)
    }
    return at
  }
}

function endOfEscape(bytes: Uint8Array, at: number): number {
  switch (bytes[at + 1]) {
    case 0x22: // "
    case 0x5c: // \
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return at + 2
    case 0x75: // u
      for (let digit = at + 2; digit < at + 6; digit++) {
        if (!isHexDigit(bytes[digit])) throw new JsonError('malformed')
      }
      return at + 6
    default:
      throw new JsonError('malformed')
  }
}

const isContinuation = (byte = 0): boolean => (byte & 0xc0) === 0x80
const isDigit = (byte = 0): boolean => byte >= 0x30 && byte <= 0x39
const isHexDigit = (byte = 0): boolean =>
  isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
