/**
 * A carrier of opaque bytes to a gateway and back. Holds no key and sees no plaintext, so that anything
 * that moves bytes fits: HTTP here, a queue, a WebSocket or a worker elsewhere.
 */
export interface Transport {
  /**
   * Sends one request and returns the response, whatever its status.
   *
   * @throws APIConnectionError when no complete response arrives
   */
  send(request: TransportRequest): Promise<TransportResponse>
  /**
   * Sends one request and returns the response when its head arrives. A transport that cannot hand over
   * a body part by part omits this.
   *
   * @throws APIConnectionError when no response arrives
   */
  stream?(request: TransportRequest): Promise<StreamedResponse>
}

/** A request to send. */
export interface TransportRequest {
  readonly method: 'GET' | 'POST'
  /** Below the base URL, starting with a slash. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer>
  /** In place of {@link body}: one that is made while it is sent. */
  readonly upload?: RequestUpload | undefined
  /** Largest body of a 200; of other responses at most 64 KiB are read. */
  readonly maxResponseBytes: number
  /** Aborts the request at any point; its reason is the error thrown. */
  readonly signal: AbortSignal
}

/** A body that is made while it is sent. */
export interface RequestUpload {
  /** Read once, as fast as it is sent. An error of it ends the request, which is thrown then. */
  readonly parts: AsyncIterable<Uint8Array<ArrayBuffer>>
  /** Length of all parts, where it is known: other lengths are an error. */
  readonly byteLength?: number | undefined
}

/** The response to a request. */
export interface TransportResponse {
  readonly status: number
  /** Returns a header by its lower-case name. */
  readonly header: (name: string) => string | undefined
  readonly body: Uint8Array<ArrayBuffer>
}

/** Receives a part of a body. Where it returns a promise, the next part waits for it. */
export type TakePart = ((part: Uint8Array) => void) | ((part: Uint8Array) => Promise<void>)

/** A response whose body is still arriving. Read it once, by one of the two methods, or cancel it. */
export interface StreamedResponse extends Omit<TransportResponse, 'body'> {
  /**
   * Passes the body part by part to `take`, and resolves at its end. Where `take` returns a promise, the
   * next part waits for it, and so does the server once the buffers in between are full. A part is valid
   * only until then.
   *
   * @throws APIConnectionError for a body that is truncated or larger than the limit of the request; the
   * error of `take`
   */
  read(take: TakePart): Promise<void>
  /**
   * Reads the whole body, as {@link Transport.send} does.
   *
   * @throws APIConnectionError for a body that is truncated or larger than the limit of the request
   */
  whole(): Promise<TransportResponse>
  /** Discards the rest of the body. Never throws. */
  cancel(): void
}
