import type { IncomingHttpHeaders } from 'node:http'
import {
  SecurityError,
  openJson,
  publicKeyFromHeader,
  type KeyPair,
  type PublicKey,
} from '@nomyo/crypto'
import type { ChatRequest, RequestFacts, SecurityTier } from './answer.js'
import { Refusal } from './refusal.js'

/** A sealed request that was opened, and what its answer needs. */
export interface Opened extends RequestFacts {
  readonly request: ChatRequest
  /** The same for every copy of one sealing. */
  readonly replayId: string
  /** The key answers are sealed for. */
  readonly replyKey: PublicKey
}

/** The label of wire v1.0 says 4096; clients that loaded a smaller key of their own are still served. */
const LEAST_REPLY_KEY_BITS = 2048
const SECURITY_TIERS: readonly SecurityTier[] = ['standard', 'high', 'maximum']

/**
 * Opens a request as strictly as a gateway does.
 *
 * @throws Refusal 400
 */
export async function openRequest(
  envelope: Uint8Array,
  headers: IncomingHttpHeaders,
  serverKey: KeyPair,
): Promise<Opened> {
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
    // A gateway tells less; here it is the author of a test who reads it.
    throw new Refusal(400, `The request could not be opened: ${error.code}, ${error.message}`)
  }
}

function readPayloadId(value: string | string[] | undefined): string {
  if (typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value)) return value
  throw new Refusal(400, 'X-Payload-ID must be 1 to 200 visible ASCII characters')
}

function readSecurityTier(value: string | string[] | undefined): SecurityTier | undefined {
  if (value === undefined) return undefined
  const tier = SECURITY_TIERS.find((candidate) => candidate === value)
  if (tier !== undefined) return tier
  throw new Refusal(400, `X-Security-Tier must be one of ${SECURITY_TIERS.join(', ')}`)
}

function readChatRequest(value: Record<string, unknown>): ChatRequest {
  const { model, messages } = value
  if (typeof model !== 'string' || model === '') {
    throw new Refusal(400, 'model must be a non-empty string')
  }
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new Refusal(400, 'messages must be a non-empty array')
  }
  return { ...value, model, messages: messages as Record<string, unknown>[] }
}
