import { SECURITY_TIERS, type SecurityTier } from '../access/policy/tier-policy.js'
import type { JsonObject } from '../json/json-object.js'
import type { JsonLimits, JsonListener } from '../json/json-scanner.js'
import { MemberNames } from '../json/member-names.js'
import {
  JsonRequest,
  invalidMember,
  readMembers,
  type JsonRequestFacts,
  type JsonRequestOptions,
} from './request/json-request.js'
import { MEDIA_ADDRESSES, isDataUrl } from './request/media-address.js'

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
  { limits, turns }: JsonRequestOptions,
): Promise<ChatRequest> {
  const messages = new MessageChecks(plaintext)
  const { object, model } = await readMembers(plaintext, { limits, turns, listener: messages })
  if (object.typeOf('messages') !== 'array' || messages.count === 0) {
    throw invalidMember('messages', 'messages must be a non-empty array')
  }
  if (messages.malformed) {
    throw invalidMember('messages', 'every message must be an object with a role')
  }
  const { count: messageCount, hasRemoteMedia } = messages
  return new ChatRequest(object, { model, messageCount, hasRemoteMedia })
}

/** Decrypted chat request. */
export class ChatRequest extends JsonRequest {
  readonly messageCount: number

  constructor(object: JsonObject, facts: JsonRequestFacts & Pick<ChatRequest, 'messageCount'>) {
    super(object, facts)
    this.messageCount = facts.messageCount
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
    throw invalidMember(
      'security_tier',
      `security_tier must be one of ${SECURITY_TIERS.join(', ')}`,
    )
  }

  override parse(): ParsedChatRequest {
    return super.parse() as unknown as ParsedChatRequest
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
/** `"messages"` and `"role"` with every character escaped take 50 and 26 bytes. */
const MAX_DECIDING_NAME_BYTES = 64

/** Checks that every message is an object with one role, which is a text; notes media that have an address. */
class MessageChecks implements JsonListener {
  /** Of the address of an image in the result of a tool. */
  readonly depth = 8
  readonly #bytes: Uint8Array
  readonly #names: MemberNames
  #isInMessages = false
  #isInContent = false
  #hasRole = false
  count = 0
  malformed = false
  hasRemoteMedia = false

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#names = new MemberNames(bytes, MAX_DECIDING_NAME_BYTES)
  }

  begin(level: number, first: number, at: number, nameStart: number, nameEnd: number): void {
    const names = this.#names
    if (level === 1) this.#isInMessages = names.is('messages', nameStart, nameEnd)
    if (!this.#isInMessages) return
    if (level === 2) {
      this.count++
      this.#hasRole = false
      if (first !== OPENING_BRACE) this.malformed = true
    } else if (level === 3) {
      this.#isInContent = names.is('content', nameStart, nameEnd)
      if (!names.is('role', nameStart, nameEnd)) return
      if (this.#hasRole || first !== QUOTE) this.malformed = true
      this.#hasRole = true
    } else if (this.#isInContent && first === QUOTE && nameEnd > nameStart) {
      this.hasRemoteMedia ||=
        MEDIA_ADDRESSES.some((name) => names.is(name, nameStart, nameEnd)) &&
        !isDataUrl(this.#bytes, at)
    }
  }

  end(level: number): void {
    if (level === 2 && this.#isInMessages && !this.#hasRole) this.malformed = true
  }
}
