import { SECURITY_TIERS, type SecurityTier } from '../access/policy/tier-policy.js'
import { ConfidentialRefusal, errorObject } from '../confidential-refusal.js'
import { HttpError } from '../http-error.js'
import type { EventLoopTurns } from '../json/event-loop-turns.js'
import type { JsonBytes } from '../json/json-bytes.js'
import { JsonError } from '../json/json-error.js'
import { nameOf, readJsonObject, type JsonObject, type JsonType } from '../json/json-object.js'
import type { JsonLimits, JsonListener } from '../json/json-scanner.js'

/** Limits of a request's JSON, and the turns in which it is read. */
export interface ChatRequestOptions {
  readonly limits: JsonLimits
  readonly turns: EventLoopTurns
}

const MAX_MODEL_CHARACTERS = 1024
/** Legitimate requests nest a JSON schema or two; deeper ones exhaust the recursive readers of servers. */
const MAX_DEPTH = 256
/** Ten times a conversation of a thousand messages with a hundred tools. */
const DEFAULT_MAX_VALUES = 250_000

/** Returns the limits for the JSON of requests. */
export const requestLimits = (maxValues = DEFAULT_MAX_VALUES): JsonLimits => ({
  maxDepth: MAX_DEPTH,
  maxValues,
})

/**
 * Reads a decrypted chat request and checks the members that every engine relies on: `model` and
 * `messages`. Refusals name members, never their values: they are sent in plaintext.
 *
 * @param plaintext - kept, not copied, and overwritten by {@link ChatRequest.dispose}
 * @throws HttpError 400, a ConfidentialRefusal where it depends on the content
 */
export async function readChatRequest(
  plaintext: Uint8Array,
  { limits, turns }: ChatRequestOptions,
): Promise<ChatRequest> {
  const messages = new MessageChecks(plaintext)
  try {
    const object = await readJsonObject(plaintext, { limits, turns, listener: messages })
    const model = object.member('model')
    if (typeof model !== 'string' || model === '') {
      throw invalid('model', 'model must be a non-empty string')
    }
    if (model.length > MAX_MODEL_CHARACTERS) throw new JsonError('member-too-large')
    if (object.typeOf('messages') !== 'array' || messages.count === 0) {
      throw invalid('messages', 'messages must be a non-empty array')
    }
    if (messages.malformed) {
      throw invalid('messages', 'every message must be an object with a role')
    }
    const { count: messageCount, hasRemoteMedia } = messages
    return new ChatRequest(object, { model, messageCount, hasRemoteMedia })
  } catch (error) {
    throw error instanceof JsonError ? refusalOf(error) : error
  }
}

/**
 * Decrypted chat request as the bytes that the caller encrypted. Only members that decide something are
 * read; a model server receives the others as they are.
 */
export class ChatRequest {
  readonly model: string
  readonly messageCount: number
  /** True where the content of a message refers to media by an address other than `data:`. */
  readonly hasRemoteMedia: boolean
  readonly #object: JsonObject

  constructor(
    object: JsonObject,
    facts: Pick<ChatRequest, 'model' | 'messageCount' | 'hasRemoteMedia'>,
  ) {
    this.#object = object
    this.model = facts.model
    this.messageCount = facts.messageCount
    this.hasRemoteMedia = facts.hasRemoteMedia
  }

  /** Names of all members. */
  get names(): readonly string[] {
    return this.#object.names
  }

  get byteLength(): number {
    return this.#object.byteLength
  }

  /** Returns the type of a member, or undefined where it is missing. */
  typeOf(name: string): JsonType | undefined {
    return this.#object.typeOf(name)
  }

  /**
   * Returns the value of one small member; undefined where it is missing.
   *
   * @throws ConfidentialRefusal 400 for more than 64 KiB
   */
  member(name: string): unknown {
    try {
      return this.#object.member(name)
    } catch (error) {
      throw error instanceof JsonError ? refusalOf(error) : error
    }
  }

  /**
   * Returns the tier that the request itself names, as nomyo-js 0.1 does; undefined where it names none.
   *
   * @throws ConfidentialRefusal 400
   */
  securityTier(): SecurityTier | undefined {
    const value = this.member('security_tier') ?? undefined
    const tier = SECURITY_TIERS.find((candidate) => candidate === value)
    if (tier === value) return tier
    throw invalid('security_tier', `security_tier must be one of ${SECURITY_TIERS.join(', ')}`)
  }

  /**
   * Returns the request with members replaced, added, or removed where the change is undefined. It refers
   * to the bytes of this request: valid until {@link dispose}.
   */
  rewrite(changes: Readonly<Record<string, unknown>>): JsonBytes {
    return this.#object.rewrite(changes)
  }

  /** Parses the whole request, which may block the event loop: only for stand-ins of a model. */
  parse(): ParsedChatRequest {
    return this.#object.parse() as unknown as ParsedChatRequest
  }

  /** Overwrites the plaintext. */
  dispose(): void {
    this.#object.dispose()
  }
}

/** Chat request as a value: `model` and `messages` are checked, all other members are as received. */
export interface ParsedChatRequest {
  readonly model: string
  readonly messages: readonly Record<string, unknown>[]
  readonly [member: string]: unknown
}

const OPENING_BRACE = 0x7b
const QUOTE = 0x22
const BACKSLASH = 0x5c
/** `"messages"` and `"role"` with every character escaped take 50 and 26 bytes. */
const MAX_DECIDING_NAME_BYTES = 64

/** Members of a content part that model servers fetch, or that hold what they fetch. */
const MEDIA_ADDRESSES = ['url', 'image_url', 'video_url', 'audio_url', 'file_url']
const DATA_URL = 'data:'

/** Checks that every message is an object with one role, which is a text; notes media that have an address. */
class MessageChecks implements JsonListener {
  /** Of the address of an image in the result of a tool. */
  readonly depth = 8
  readonly #bytes: Uint8Array
  #isInMessages = false
  #isInContent = false
  #hasRole = false
  #name = ''
  #nameAt = -1
  count = 0
  malformed = false
  hasRemoteMedia = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  begin(level: number, first: number, at: number, nameStart: number, nameEnd: number): void {
    if (level === 1) this.#isInMessages = this.#isName('messages', nameStart, nameEnd)
    if (!this.#isInMessages) return
    if (level === 2) {
      this.count++
      this.#hasRole = false
      if (first !== OPENING_BRACE) this.malformed = true
    } else if (level === 3) {
      this.#isInContent = this.#isName('content', nameStart, nameEnd)
      if (!this.#isName('role', nameStart, nameEnd)) return
      if (this.#hasRole || first !== QUOTE) this.malformed = true
      this.#hasRole = true
    } else if (this.#isInContent && first === QUOTE && nameEnd > nameStart) {
      this.hasRemoteMedia ||= this.#isAddress(at, nameStart, nameEnd)
    }
  }

  end(level: number): void {
    if (level === 2 && this.#isInMessages && !this.#hasRole) this.malformed = true
  }

  #isAddress(at: number, nameStart: number, nameEnd: number): boolean {
    if (!MEDIA_ADDRESSES.some((name) => this.#isName(name, nameStart, nameEnd))) return false
    const scheme = this.#bytes.subarray(at + 1, at + 1 + DATA_URL.length)
    return String.fromCharCode(...scheme).toLowerCase() !== DATA_URL
  }

  /** Compares without reading the name, unless it is escaped. */
  #isName(name: string, start: number, end: number): boolean {
    const bytes = this.#bytes
    if (end - start > MAX_DECIDING_NAME_BYTES) return false
    let at = start + 1
    while (at < end - 1 && bytes[at] !== BACKSLASH) {
      if (bytes[at] !== name.charCodeAt(at - start - 1)) return false
      at++
    }
    if (at < end - 1) return this.#nameOf(start, end) === name
    return end - start === name.length + 2
  }

  /** Reads an escaped name, once for all that it is compared with. */
  #nameOf(start: number, end: number): string {
    if (this.#nameAt !== start) {
      this.#nameAt = start
      this.#name = nameOf(this.#bytes, start, end)
    }
    return this.#name
  }
}

/** Creates the refusal of everything that is no encrypted JSON. One text for every reason, so that the gateway is no oracle. */
export const cannotBeOpened = (): HttpError =>
  new HttpError(
    400,
    'The request could not be opened: it is malformed, or sealed for another key',
    undefined,
    'undecryptable',
  )

function refusalOf({ code }: JsonError): HttpError {
  switch (code) {
    case 'too-deep':
      return invalid(null, 'The request is nested too deeply')
    case 'too-many-values':
    case 'too-many-members':
      return invalid(null, 'The request has too many values')
    case 'member-too-large':
      return invalid(null, 'A member of the request is too large')
    case 'repeated-member':
      return invalid(null, 'A member of the request is repeated')
    case 'malformed':
    case 'not-an-object':
      return cannotBeOpened()
  }
}

/** Creates the refusal of a member. Its fixed text is sent in plaintext, and once more encrypted. */
function invalid(param: string | null, detail: string): ConfidentialRefusal {
  const facts = { message: detail, type: 'invalid_request_error', code: 'invalid_value', param }
  return new ConfidentialRefusal(400, detail, errorObject(400, facts))
}
