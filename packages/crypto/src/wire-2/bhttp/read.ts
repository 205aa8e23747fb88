import { concat } from '../../bytes/bytes.js'
import { SecurityError } from '../../errors.js'
import { requireArgument, requireBytes, requireInteger, requireOptions } from '../../arguments.js'
import { partBuffer } from '../part-buffer.js'
import { readVarint } from '../varint.js'
import {
  type Field,
  type RequestHead,
  type ResponseHead,
  fromLatin1,
  isControlData,
  isField,
} from './fields.js'
import { FRAMING } from './write.js'

/** A part of a message, in the order in which they arrive. */
export type BhttpEvent =
  | ({ readonly type: 'request' } & RequestHead)
  | ({ readonly type: 'interim' | 'response' } & ResponseHead)
  | { readonly type: 'content'; readonly bytes: Uint8Array }
  | { readonly type: 'trailers'; readonly fields: readonly Field[] }

/** Limits of a {@link BhttpReader}. */
export interface BhttpLimits {
  /** Most bytes of control data with the header section after it, and of trailers. Default 64 KiB. */
  readonly maxHeadBytes?: number
}

/** Reads a message as it arrives. */
export interface BhttpReader {
  /**
   * Takes the next bytes, in parts of any length, and returns what they complete. Content refers to the
   * bytes of the part. Where the message becomes malformed, what precedes this is returned first, and
   * the next call throws.
   *
   * @throws SecurityError `ERR_PLAINTEXT_INVALID`; every later call throws the same error
   */
  readonly push: (part: Uint8Array) => BhttpEvent[]
  /**
   * Ends the message and returns what its omitted parts stand for.
   *
   * @throws SecurityError `ERR_TRUNCATED`, `ERR_PLAINTEXT_INVALID`
   */
  readonly end: () => BhttpEvent[]
}

const MAX_INTERIM = 16
const MAX_FIELDS = 512
const DEFAULT_HEAD_BYTES = 64 * 1024

/** The next need of the parser: bytes at once, content as it comes, or zeros to the end. */
type Need =
  | { readonly type: 'bytes'; readonly length: number; readonly mayEnd: boolean }
  | { readonly type: 'content'; readonly length: number }
  | { readonly type: 'zeros' }

type Parser<T> = Generator<Need, T, Uint8Array>

/**
 * Reads a Binary HTTP message (RFC 9292) of known or indeterminate length. Empty parts may be omitted at
 * the end, and zeros may follow; fields are checked.
 *
 * @throws SecurityError `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { createBhttpReader, encodeResponse } from '@nomyo/crypto/wire-2'
 *
 * const reader = createBhttpReader('response', { maxHeadBytes: 16_384 })
 * const events = [...reader.push(encodeResponse({ status: 200, fields: [] })), ...reader.end()]
 * ```
 */
export function createBhttpReader(
  kind: 'request' | 'response',
  limits: BhttpLimits = {},
): BhttpReader {
  requireArgument(['request', 'response'].includes(kind), 'kind must be request or response')
  requireOptions(limits, 'limits')
  const { maxHeadBytes = DEFAULT_HEAD_BYTES } = limits
  requireInteger(maxHeadBytes, 'maxHeadBytes', 1, 1024 * 1024)
  let events: BhttpEvent[] = []
  /** Makes the error of all later calls: few messages need one. */
  let failure: (() => Error) | undefined
  const buffer = partBuffer()
  const parser = parse(kind, maxHeadBytes, (event) => events.push(event))
  let need = next(new Uint8Array())

  function next(bytes: Uint8Array): Need {
    const { value, done } = parser.next(bytes)
    if (done === true) throw malformed()
    return value
  }

  /** Takes bytes of a part from `at` on; returns the offset behind them. */
  function step(part: Uint8Array, at: number): number {
    switch (need.type) {
      case 'zeros': {
        if (!areZeros(part, at)) throw malformed()
        return part.length
      }
      case 'content': {
        const end = Math.min(part.length, at + need.length)
        events.push({ type: 'content', bytes: part.subarray(at, end) })
        const left = need.length - (end - at)
        need = left > 0 ? { type: 'content', length: left } : next(new Uint8Array())
        return end
      }
      case 'bytes': {
        const { length } = need
        // The parser keeps none of them.
        if (buffer.length === 0 && at + length <= part.length) {
          need = next(part.subarray(at, at + length))
          return at + length
        }
        const end = buffer.fill(part, at, length)
        if (buffer.length === length) need = next(buffer.take())
        return end
      }
    }
  }

  /** Returns the events of `work`; an error after an event is thrown by the next call. */
  function collect(work: () => void): BhttpEvent[] {
    if (failure !== undefined) throw failure()
    events = []
    try {
      work()
    } catch (error) {
      failure = () => error as Error
      if (events.length === 0) throw error
    }
    return events
  }

  const feed = (part: Uint8Array): void => {
    for (let at = 0; at < part.length;) at = step(part, at)
  }

  return {
    push: (part) =>
      collect(() => {
        requireBytes(part, 'part')
        feed(part)
      }),
    end: () =>
      collect(() => {
        // An omitted part is one of length zero.
        while (need.type !== 'zeros') {
          if (need.type === 'content' || !need.mayEnd || buffer.length > 0) throw truncated()
          feed(Uint8Array.of(0))
        }
        failure = isOver
      }),
  }
}

function* parse(
  kind: 'request' | 'response',
  maxHeadBytes: number,
  emit: (event: BhttpEvent) => void,
): Parser<void> {
  const framing = yield* varint()
  const isKnown = framing === FRAMING.knownRequest || framing === FRAMING.knownResponse
  const isRequest = framing === FRAMING.knownRequest || framing === FRAMING.indeterminateRequest
  if (framing > FRAMING.indeterminateResponse || isRequest !== (kind === 'request'))
    throw malformed()
  const section = isKnown ? knownFields : indeterminateFields

  let budget = budgetOf(maxHeadBytes)
  if (isRequest) {
    const texts: string[] = []
    for (let index = 0; index < 4; index++) texts.push(yield* text(budget))
    const [method = '', scheme = '', authority = '', path = ''] = texts
    const control = { method, scheme, authority, path, fields: [] }
    if (!isControlData(control)) throw malformed()
    emit({ type: 'request', ...control, fields: yield* section(budget) })
  } else {
    let status = yield* varint()
    for (let count = 0; status >= 100 && status <= 199; count++) {
      if (count === MAX_INTERIM) throw malformed()
      // Behind the fields of an interim response another response must follow.
      emit({ type: 'interim', status, fields: yield* section(budget, false) })
      budget = budgetOf(maxHeadBytes)
      status = yield* varint()
    }
    if (status < 200 || status > 599) throw malformed()
    emit({ type: 'response', status, fields: yield* section(budget) })
  }

  for (let length = yield* varint(true); length > 0;) {
    if (!Number.isFinite(length)) throw malformed()
    yield { type: 'content', length }
    length = isKnown ? 0 : yield* varint()
  }
  const trailers = yield* section(budgetOf(maxHeadBytes))
  if (trailers.length > 0) emit({ type: 'trailers', fields: trailers })
  yield { type: 'zeros' }
}

/** Returns whether all bytes from `start` on are zero. Padding is long: a copy in words takes half the time of bytes. */
function areZeros(bytes: Uint8Array, start: number): boolean {
  const { buffer, length } = concat([bytes.subarray(start)], bytes.length - start + 3)
  const words = new Int32Array(buffer, 0, length >> 2)
  let bits = 0
  for (let at = 0; at < words.length;) bits |= words[at++] ?? 0
  return bits === 0
}

/** Returns a function that takes a length from the budget of a head and returns it. */
function budgetOf(maxBytes: number): (length: number) => number {
  let left = maxBytes
  return (length) => {
    left -= length
    if (left < 0) throw malformed()
    return length
  }
}

/** Reads a number. With `mayEnd`, the message may end instead, which stands for zero. */
function* varint(mayEnd = false): Parser<number> {
  const first = yield { type: 'bytes', length: 1, mayEnd }
  // The bytes are gone when the next ones arrive.
  const start = first[0] ?? 0
  const more = 2 ** (start >> 6) - 1
  if (more === 0) return start
  const rest = yield { type: 'bytes', length: more, mayEnd: false }
  return readVarint(Uint8Array.of(start, ...rest), 0)?.value ?? Infinity
}

function* text(budget: (length: number) => number): Parser<string> {
  const length = budget(yield* varint())
  return length === 0 ? '' : fromLatin1(yield { type: 'bytes', length, mayEnd: false })
}

function* knownFields(budget: (length: number) => number, mayEnd = true): Parser<Field[]> {
  const length = budget(yield* varint(mayEnd))
  const fields: Field[] = []
  if (length === 0) return fields
  const bytes = yield { type: 'bytes', length, mayEnd: false }
  let at = 0
  const readText = (): string => {
    const { value, end } = readVarint(bytes, at) ?? { value: Infinity, end: 0 }
    at = end + value
    if (at > bytes.length) throw malformed()
    return fromLatin1(bytes.subarray(end, at))
  }
  while (at < bytes.length) addField(fields, [readText(), readText()])
  return fields
}

function* indeterminateFields(budget: (length: number) => number, mayEnd = true): Parser<Field[]> {
  const fields: Field[] = []
  for (;;) {
    const length = budget(yield* varint(mayEnd && fields.length === 0))
    if (length === 0) return fields
    const name = fromLatin1(yield { type: 'bytes', length, mayEnd: false })
    addField(fields, [name, yield* text(budget)])
  }
}

function addField(fields: Field[], field: Field): void {
  if (!isField(field) || fields.length === MAX_FIELDS) throw malformed()
  fields.push(field)
}

const malformed = (): SecurityError =>
  new SecurityError('ERR_PLAINTEXT_INVALID', 'The content is not well-formed.')

const isOver = (): SecurityError =>
  new SecurityError('ERR_PLAINTEXT_INVALID', 'The message is complete.')

const truncated = (): SecurityError =>
  new SecurityError('ERR_TRUNCATED', 'The message was cut off.')
