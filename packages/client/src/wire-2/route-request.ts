import type { RequestHead } from '@nomyo/crypto/wire-2'
import type { Identified, SplitRequest } from '../completion/seal-request.js'
import type { SealedUpload } from './seal-upload.js'
import type { Wire2Choice } from './selection.js'

/** Encrypts a request whose content is read while it is sent; see `sealUpload`. */
export type SealUpload = (
  choice: Wire2Choice,
  head: RequestHead,
  signal: AbortSignal,
) => Promise<SealedUpload>

/** A request of HTTP that is encrypted whole. */
export interface RouteRequest extends Identified {
  readonly method: string
  /** Below the base URL; a literal of the key statement. */
  readonly path: string
  readonly accept: string
  /** Undefined without content. */
  readonly contentType: string | undefined
  /** Its owner zeroes it when the request is over. */
  readonly content: Uint8Array
  /** In place of {@link content}. */
  readonly sealUpload?: SealUpload | undefined
  /** Beside those of the call. */
  readonly sealedHeaders?: Readonly<Record<string, string>> | undefined
}

const CLOSING_BRACE = 0x7d

/** Returns the request of a whole chat completion. */
export function completionRoute({
  payload,
  apiKey,
  securityTier,
  sealedHeaders,
}: SplitRequest): RouteRequest {
  return {
    method: 'POST',
    path: '/v1/chat/completions',
    accept: 'application/json',
    contentType: 'application/json',
    // White space that hides the length on wire 1 would be padded once more.
    content: payload.subarray(0, payload.lastIndexOf(CLOSING_BRACE) + 1),
    apiKey,
    securityTier,
    sealedHeaders,
  }
}
