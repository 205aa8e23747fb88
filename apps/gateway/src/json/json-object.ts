import type { EventLoopTurns } from './event-loop-turns.js'
import { freeBytes } from './free-bytes.js'
import { JsonBytes } from './json-bytes.js'
import { JsonError } from './json-error.js'
import { JsonScanner, type JsonLimits, type JsonListener } from './json-scanner.js'

/** Settings of {@link readJsonObject}. */
export interface ReadJsonOptions {
  readonly limits: JsonLimits
  readonly turns: EventLoopTurns
  /** Receives the values of the outer levels too. */
  readonly listener?: JsonListener | undefined
  /** Bytes that are read in one turn: less for a listener with much work. Default 256 KiB. */
  readonly pieceBytes?: number | undefined
}

/** Checks for the value of a JSON object. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export type JsonType = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null'

/** Bytes that are read in one piece: some milliseconds on a slow machine. */
const PIECE_BYTES = 256 * 1024
/** Requests and answers have a few dozen members. */
const MAX_MEMBERS = 1000
const MAX_NAME_BYTES = 1024
/** The largest member that is read as a value. */
const MAX_MEMBER_BYTES = 64 * 1024

/** Place of a member in the bytes of its object. */
interface Member {
  readonly nameStart: number
  readonly start: number
  /** Offset behind the value. */
  end: number
}

/**
 * Reads JSON bytes as one object without building its values: the members are located, and everything
 * else is only checked. Long texts are read in turns with other work.
 *
 * @throws JsonError
 */
export async function readJsonObject(
  bytes: Uint8Array,
  { limits, turns, listener, pieceBytes = PIECE_BYTES }: ReadJsonOptions,
): Promise<JsonObject> {
  const recorder = new MemberRecorder(bytes, listener)
  const scanner = new JsonScanner(bytes, limits, recorder)
  while (!scanner.advance(pieceBytes)) await turns.next()
  return new JsonObject(bytes, recorder.members)
}

/** A JSON object as bytes whose members are read and replaced one by one. */
export class JsonObject {
  readonly #bytes: Uint8Array
  /** In the order of the bytes. */
  readonly #members: ReadonlyMap<string, Member>

  constructor(bytes: Uint8Array, members: ReadonlyMap<string, Member>) {
    this.#bytes = bytes
    this.#members = members
  }

  /** Encodes a value of this program. */
  static from(value: Readonly<Record<string, unknown>>): JsonObject {
    const members = new Map<string, Member>()
    const parts: Buffer[] = [OPENING]
    let at = OPENING.length
    const add = (part: Buffer): void => {
      parts.push(part)
      at += part.length
    }
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined) continue
      if (members.size > 0) add(COMMA)
      const nameStart = at
      add(Buffer.from(`${JSON.stringify(name)}:`))
      const start = at
      add(Buffer.from(JSON.stringify(member)))
      members.set(name, { nameStart, start, end: at })
    }
    add(CLOSING)
    return new JsonObject(Buffer.concat(parts, at), members)
  }

  /** Names of the members, in their order. */
  get names(): readonly string[] {
    return [...this.#members.keys()]
  }

  get byteLength(): number {
    return this.#bytes.length
  }

  /** Returns the type of a member, or undefined where it is missing. */
  typeOf(name: string): JsonType | undefined {
    const member = this.#members.get(name)
    return member && typeOfFirstByte(this.#bytes[member.start] ?? 0)
  }

  /** Checks that a member can be read by {@link member}; true where it is missing. */
  isSmall(name: string): boolean {
    const { start, end } = this.#members.get(name) ?? { start: 0, end: 0 }
    return end - start <= MAX_MEMBER_BYTES
  }

  /**
   * Parses one member; undefined where it is missing.
   *
   * @throws JsonError `member-too-large`
   */
  member(name: string): unknown {
    const member = this.#members.get(name)
    if (member === undefined) return undefined
    if (!this.isSmall(name)) throw new JsonError('member-too-large')
    return JSON.parse(textOf(this.#bytes, member.start, member.end))
  }

  /**
   * Replaces members, adds those that are missing, and removes those that are undefined. All others keep
   * their bytes.
   */
  rewrite(changes: Readonly<Record<string, unknown>>): JsonBytes {
    const spans: Uint8Array[] = [OPENING]
    let runStart = -1
    let runEnd = -1
    const separate = (): void => {
      if (spans.length > 1) spans.push(COMMA)
    }
    const endRun = (): void => {
      if (runStart === -1) return
      separate()
      spans.push(this.#bytes.subarray(runStart, runEnd))
      runStart = -1
    }
    for (const [name, { nameStart, end }] of this.#members) {
      if (Object.hasOwn(changes, name)) endRun()
      else {
        if (runStart === -1) runStart = nameStart
        runEnd = end
      }
    }
    endRun()
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) continue
      separate()
      spans.push(Buffer.from(`${JSON.stringify(name)}:${JSON.stringify(value)}`))
    }
    return new JsonBytes([...spans, CLOSING], this.#bytes)
  }

  /** Builds the whole value: only for programs that need no bound on the event loop. */
  parse(): Record<string, unknown> {
    return JSON.parse(textOf(this.#bytes, 0, this.#bytes.length)) as Record<string, unknown>
  }

  /** Overwrites and frees the bytes. */
  dispose(): void {
    this.#bytes.fill(0)
    freeBytes(this.#bytes)
  }
}

const OPENING = Buffer.from('{')
const COMMA = Buffer.from(',')
const CLOSING = Buffer.from('}')

/** Locates the members of the outermost object. */
class MemberRecorder implements JsonListener {
  readonly members = new Map<string, Member>()
  readonly depth: number
  readonly #bytes: Uint8Array
  readonly #listener: JsonListener | undefined
  #last: Member | undefined

  constructor(bytes: Uint8Array, listener: JsonListener | undefined) {
    this.#bytes = bytes
    this.#listener = listener
    this.depth = Math.max(1, listener?.depth ?? 1)
  }

  begin(level: number, first: number, at: number, nameStart: number, nameEnd: number): void {
    if (level === 0 && first !== 0x7b) throw new JsonError('not-an-object')
    if (level === 1) this.#add(nameStart, nameEnd, at)
    this.#listener?.begin(level, first, at, nameStart, nameEnd)
  }

  end(level: number, at: number): void {
    if (level === 1 && this.#last !== undefined) this.#last.end = at
    this.#listener?.end(level, at)
  }

  #add(nameStart: number, nameEnd: number, start: number): void {
    if (nameEnd - nameStart > MAX_NAME_BYTES) throw new JsonError('member-too-large')
    const name = nameOf(this.#bytes, nameStart, nameEnd)
    if (this.members.has(name)) throw new JsonError('repeated-member')
    if (this.members.size >= MAX_MEMBERS) throw new JsonError('too-many-members')
    this.#last = { nameStart, start, end: start }
    this.members.set(name, this.#last)
  }
}

/** Reads a name between its quotes, escapes included. */
export const nameOf = (bytes: Uint8Array, start: number, end: number): string =>
  JSON.parse(textOf(bytes, start, end)) as string

const textOf = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')

function typeOfFirstByte(first: number): JsonType {
  switch (first) {
    case 0x7b:
      return 'object'
    case 0x5b:
      return 'array'
    case 0x22:
      return 'string'
    case 0x74:
    case 0x66:
      return 'boolean'
    case 0x6e:
      return 'null'
    default:
      return 'number'
  }
}
