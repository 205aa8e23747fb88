import { encodeJson, type Padding } from '@nomyo/crypto'
import { InvalidRequestError } from '@nomyo/transport'
import { apiKey as checkApiKey, isObject } from '../config/checks.js'
import type { ChatCompletionRequest, RequestWith, SecurityTier } from '../types/request.js'

/** The size that every server accepts, in bytes of UTF-8 JSON. */
const MAX_PAYLOAD_BYTES = 10 * 1024 * 1024

const SECURITY_TIERS: readonly SecurityTier[] = ['standard', 'high', 'maximum']

/** The members of every request that say for whom it is. */
export interface Identified {
  readonly apiKey: string | undefined
  readonly securityTier: SecurityTier | undefined
}

/** A request split into the part that is encrypted and the part that routes it. */
export interface SplitRequest extends Identified {
  /** Padded UTF-8 JSON to encrypt; its owner zeroes it when the request is over. */
  readonly payload: Uint8Array<ArrayBuffer>
  /** True where the request asks for a stream, which the answer is not. */
  readonly asksForStream: boolean
  /** Headers for the model server, which are encrypted: on wire 1 none is sent. */
  readonly sealedHeaders?: Readonly<Record<string, string>> | undefined
}

/**
 * Checks a request and separates `api_key`, `security_tier` and `base_url` from it, before anything is
 * sent. So it does with a request for a stream: the answer is whole. Every other member is encrypted as given.
 *
 * @throws InvalidRequestError `ERR_INVALID_REQUEST`, `ERR_REQUEST_TOO_LARGE`
 */
export function splitRequest(request: ChatCompletionRequest, padding: Padding): SplitRequest {
  checkChatRequest(request)
  const {
    api_key: apiKey,
    security_tier: securityTier,
    base_url: _,
    ...members
  } = request as RequestWith<{ base_url?: string }>
  const asksForStream = members.stream === true
  const payload = asksForStream ? withoutStream(members) : members
  return {
    apiKey: checkApiKey(apiKey, 'api_key'),
    securityTier: checkSecurityTier(securityTier),
    asksForStream,
    // Last, so that no refused request leaves its bytes behind.
    payload: serializePayload(payload, padding),
  }
}

/**
 * Checks the members that every request for a completion has.
 *
 * @throws InvalidRequestError `ERR_INVALID_REQUEST`
 */
export function checkChatRequest(request: unknown): void {
  if (!isObject(request)) throw invalid('the request must be an object with model and messages')
  const { model, messages } = request
  if (typeof model !== 'string' || model === '') throw invalid('model must be a non-empty string')
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalid('messages must be a non-empty array')
  }
}

/** Omits what a gateway of wire 2 would follow. */
function withoutStream<T extends Pick<ChatCompletionRequest, 'stream' | 'stream_options'>>(
  members: T,
): Omit<T, 'stream' | 'stream_options'> {
  const { stream: _, stream_options: _options, ...others } = members
  return others
}

const OPENING_BRACE = 0x7b
/** The end of every JSON object: what follows is padding. */
const CLOSING_BRACE = 0x7d

/**
 * Encodes a payload as padded UTF-8 JSON.
 *
 * @throws InvalidRequestError `ERR_INVALID_REQUEST`, `ERR_REQUEST_TOO_LARGE`
 */
export function serializePayload(payload: unknown, padding: Padding): Uint8Array<ArrayBuffer> {
  // Bytes, say, would become an object with their indices.
  const isBytes = ArrayBuffer.isView(payload)
  if (!isObject(payload) || isBytes || Object.keys(payload).length === 0) {
    throw invalid('the payload must be an object with members')
  }
  const padded = encode(payload, padding)
  const length = padded.lastIndexOf(CLOSING_BRACE) + 1
  if (length <= MAX_PAYLOAD_BYTES) return padded
  padded.fill(0)
  throw tooLarge(length)
}

/** Builds the error of a request that takes more bytes as JSON than can be sent. */
export const tooLarge = (bytes: number, maxBytes = MAX_PAYLOAD_BYTES): InvalidRequestError =>
  new InvalidRequestError(
    'ERR_REQUEST_TOO_LARGE',
    `The request takes ${String(bytes)} bytes as JSON; at most ${String(maxBytes)} can be sent. ` +
      'Shorten the conversation, or shrink or split attached files.',
  )

function encode(payload: object, padding: Padding): Uint8Array<ArrayBuffer> {
  try {
    const json = encodeJson(payload, padding)
    // With a toJSON it may be anything.
    if (json?.[0] === OPENING_BRACE) return json
    json?.fill(0)
  } catch {
    // The engine's message may quote the values.
  }
  throw invalid(
    'the request cannot be encoded as JSON: it holds a BigInt, refers to itself, or is not an object',
  )
}

/** @throws InvalidRequestError `ERR_INVALID_REQUEST` for an unknown tier */
export function checkSecurityTier(tier: unknown): SecurityTier | undefined {
  if (tier === undefined || tier === null) return undefined
  const known = SECURITY_TIERS.find((candidate) => candidate === tier)
  if (known === undefined)
    throw invalid(`security_tier must be one of ${SECURITY_TIERS.join(', ')}`)
  return known
}

const invalid = (why: string): InvalidRequestError =>
  new InvalidRequestError('ERR_INVALID_REQUEST', `Nothing was sent: ${why}.`)
