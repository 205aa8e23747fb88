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
}

/** A request to send. */
export interface TransportRequest {
  readonly method: 'GET' | 'POST'
  /** Below the base URL, starting with a slash. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer>
  /** Largest body of a 200; of other responses at most 64 KiB are read. */
  readonly maxResponseBytes: number
  /** Aborts the request at any point; its reason is the error thrown. */
  readonly signal: AbortSignal
}

/** The response to a request. */
export interface TransportResponse {
  readonly status: number
  /** Returns a header by its lower-case name. */
  readonly header: (name: string) => string | undefined
  readonly body: Uint8Array<ArrayBuffer>
}
