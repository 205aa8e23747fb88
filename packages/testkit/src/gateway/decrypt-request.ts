import type { IncomingHttpHeaders } from 'node:http'
import {
  SecurityError,
  openJson,
  publicKeyFromHeader,
  type KeyPair,
  type PublicKey,
} from '@nomyo/crypto'
import type { ChatRequest, RequestFacts, SecurityTier } from '../answer.js'
import { Refusal } from '../errors.js'

/** A decrypted request, and the data for its answer. */
export interface DecryptedRequest extends RequestFacts {
  readonly request: ChatRequest
  /** Equal for every copy of one envelope. */
  readonly replayId: string
  /** The key to encrypt the answer to. */
  readonly replyKey: PublicKey
}

/** Wire v1.0 labels keys as 4096 bits; clients with a smaller key of their own are served, too. */
const LEAST_REPLY_KEY_BITS = 2048
const SECURITY_TIERS: readonly SecurityTier[] = ['standard', 'high', 'maximum']

/**
 * Decrypts a request as strictly as a gateway does.
 *
 * @throws Refusal 400
 */
export async function decryptRequest(
  envelope: Uint8Array,
  headers: IncomingHttpHeaders,
  serverKey: KeyPair,
): Promise<DecryptedRequest> {
  const payloadId = readPayloadId(headers['x-payload-id'])
  const securityTier = readSecurityTier(headers['x-security-tier'])
  try {
    const replyKey = await publicKeyFromHeader(String(headers['x-public-key'] ?? ''), {
      minBits: LEAST_REPLY_KEY_BITS,
    })
    const { value, replayId } = await openJson(envelope, serverKey.privateKey)
    return { payloadId, securityTier, replyKey, replayId, request: readChatRequest(value) }
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    // A gateway says less; here the reader is the author of a test.
    throw new Refusal(400, `The request could not be decrypted: ${error.code}, ${error.message}`)
  }
}

/** @throws Refusal 400 */
export function readPayloadId(value: string | string[] | undefined): string {
  if (typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value)) return value
  throw new Refusal(400, 'X-Payload-ID must be 1 to 200 visible ASCII characters')
}

/** @throws Refusal 400 */
export function readSecurityTier(value: string | string[] | undefined): SecurityTier | undefined {
  if (value === undefined) return undefined
  const tier = SECURITY_TIERS.find((candidate) => candidate === value)
  if (tier !== undefined) return tier
  throw new Refusal(400, `X-Security-Tier must be one of ${SECURITY_TIERS.join(', ')}`)
}

/** @throws Refusal 400 */
export function readChatRequest(value: Record<string, unknown>): ChatRequest {
  const { model, messages } = value
  if (typeof model !== 'string' || model === '') {
    throw new Refusal(400, 'model must be a non-empty string')
  }
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new Refusal(400, 'messages must be a non-empty array')
  }
  return { ...value, model, messages: messages as Record<string, unknown>[] }
}
