import type { RequestUpload, TakePart, TransportRequest } from '../transport.js'

/**
 * Sends one HTTP request for {@link createHttpTransport}: less than `fetch`, and therefore faster. Follows
 * no redirect, sends no cookies, caches nothing.
 *
 * Rejects with the error that occurs: an `APIConnectionError` is passed on unchanged, any other becomes
 * `ERR_NETWORK`.
 */
export type HttpSend = (url: string, request: HttpSendRequest) => Promise<HttpSendResponse>

/** The request of an {@link HttpSend}. */
export interface HttpSendRequest extends Pick<
  TransportRequest,
  'method' | 'headers' | 'body' | 'signal'
> {
  readonly upload?: HttpSendUpload | undefined
}

/** An upload, and the body of `fetch` that it becomes. */
export interface HttpSendUpload extends RequestUpload {
  /** Creates a stream, or a `Blob` in browsers. */
  readonly toBody?: () => Promise<ReadableStream<Uint8Array> | Blob>
}

/** The head of a response, and access to its body. */
export interface HttpSendResponse {
  readonly status: number
  /** Returns a header by its lower-case name; repeated ones joined with commas. */
  header(name: string): string | undefined
  /**
   * Passes the body part by part to `take`, and resolves at its end. Called at most once. Where `take`
   * returns a promise, the next part and the end wait for it. A part is valid only until then. Rejects
   * when the body is truncated, and with the error of `take`.
   */
  read(take: TakePart): Promise<void>
  /** Discards the rest of the body, with its connection if necessary. Never throws. */
  cancel(): void
}
