import type { TransportRequest } from './transport.js'

/**
 * One HTTP request and its answer, as {@link createHttpTransport} needs them: less than `fetch`, and
 * therefore quicker. Follows no redirect, sends no cookies, keeps nothing.
 *
 * Rejects with whatever went wrong: an `APIConnectionError` goes on as it is, anything else becomes
 * `ERR_NETWORK`.
 */
export type HttpSend = (url: string, request: HttpSendRequest) => Promise<HttpSendResponse>

/** What an {@link HttpSend} sends. */
export type HttpSendRequest = Pick<TransportRequest, 'method' | 'headers' | 'body' | 'signal'>

/** The head of an answer, and the way to its body. */
export interface HttpSendResponse {
  readonly status: number
  /** A header by its lower-case name; one that was sent several times with commas between. */
  header(name: string): string | undefined
  /**
   * Hands over the body part by part as it comes, and resolves at its end. Called once at most. A part
   * belongs to `take` only until that returns. Rejects when the body is cut off, and with what `take` throws.
   */
  read(take: (part: Uint8Array) => void): Promise<void>
  /** Drops what was not read, with its connection if need be. Never throws, at whatever time. */
  cancel(): void
}
