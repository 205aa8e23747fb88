import { sealEnvelope, type PublicKey } from '@nomyo/crypto'
import { ConfidentialRefusal } from '../confidential-refusal.js'
import { HttpError } from '../http-error.js'

const BLOCK_BYTES = 1024

/** Refusal whose inner error is encrypted for the caller. */
export class SealedRefusal extends HttpError {
  override readonly name = 'SealedRefusal'
  /** Envelope of the inner error; sent beside the plaintext. */
  readonly sealedError: unknown

  constructor({ statusCode, message, retryAfterSeconds, code }: HttpError, sealedError: unknown) {
    super(statusCode, message, retryAfterSeconds, code)
    this.sealedError = sealedError
  }
}

/** Recipient of an encrypted error, and the request that it answers. */
export interface RefusedRequest {
  readonly payloadId: string
  readonly replyKey: PublicKey
  /** True for the form of nomyo-js 0.1. */
  readonly tagIsAppended?: boolean
}

/**
 * Answers a decrypted request, and encrypts the inner error of a refusal to the key of the caller: what
 * depends on plaintext leaves the gateway encrypted only.
 *
 * @throws SealedRefusal for a {@link ConfidentialRefusal}; any other error as it is
 */
export async function sealRefusals<Answer>(
  { payloadId, replyKey, tagIsAppended = false }: RefusedRequest,
  answer: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await answer()
  } catch (error) {
    if (!(error instanceof ConfidentialRefusal)) throw error
    // Binds the error to its request, as in an answer.
    const _metadata = { payload_id: payloadId, response_status: 'error' }
    const envelope = await sealEnvelope(encode({ error: error.inner, _metadata }), replyKey, {
      processedAt: Math.floor(Date.now() / 1000),
      appendTag: tagIsAppended,
    })
    throw new SealedRefusal(error, JSON.parse(new TextDecoder().decode(envelope)))
  }
}

/** Encodes as JSON, padded with blanks: most errors have one length, so that it does not tell them apart. */
function encode(content: object): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify(content))
  const padded = new Uint8Array(Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES).fill(0x20)
  padded.set(bytes)
  return padded
}
