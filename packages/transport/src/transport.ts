/**
 * Carries opaque bytes to a gateway and brings its answer back. Holds no key and sees no plaintext,
 * so any way of moving bytes will do: HTTP here, a queue, a WebSocket or a worker elsewhere.
 */
export interface Transport {
  /**
   * Sends one request and gives the answer whatever its status.
   *
   * @throws APIConnectionError when there is no complete answer
   */
  send(request: TransportRequest): Promise<TransportResponse>
}

/** What to send. */
export interface TransportRequest {
  readonly method: 'GET' | 'POST'
  /** Below the base URL, starting with a slash. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer>
  /** Largest body of a 200 that is read; other bodies are cut at 64 KiB. */
  readonly maxResponseBytes: number
  /** Ends the request at any point; its reason is what gets thrown. */
  readonly signal: AbortSignal
}

/** What came back. */
export interface TransportResponse {
  readonly status: number
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined
  readonly body: Uint8Array<ArrayBuffer>
}
