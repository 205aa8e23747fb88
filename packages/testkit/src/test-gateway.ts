import type { IncomingHttpHeaders } from 'node:http'
import type { KeyPair } from '@nomyo/crypto'
import type { ChatRequest, RequestFacts } from './answer.js'
import type { Fault, HttpFault, StatementFault } from './faults/fault.js'

/** A request that the gateway decrypted, whatever its response. */
export interface ReceivedRequest extends RequestFacts {
  readonly request: ChatRequest
  /** By lower-case name. */
  readonly headers: IncomingHttpHeaders
  /** The request as received, encrypted. */
  readonly envelope: Uint8Array
  /** The name of the fault that answered it, if any. */
  readonly fault: string | undefined
  readonly wire: 1 | 2
  /** Fields that were encrypted with the request, by lower-case name; none over wire 1. */
  readonly sealedHeaders: Readonly<Record<string, string>>
}

/** A request for the server key. */
export interface KeyFetch {
  /** By lower-case name. */
  readonly headers: IncomingHttpHeaders
}

/** Counters that reveal leaks of connections. */
export interface ConnectionCount {
  /** Open now. */
  readonly open: number
  /** Accepted since the start. */
  readonly accepted: number
}

/** A listening gateway in this process. */
export interface TestGateway {
  /** Base URL, such as `http://127.0.0.1:49152`. Clients need `allowHttp: true`. */
  readonly url: string
  /** `sha256/...` of the server key in use, for pinning. */
  readonly fingerprint: string
  /** Every decrypted request, oldest first. */
  readonly requests: readonly ReceivedRequest[]
  /** Every fetch of the server key, oldest first. */
  readonly keyFetches: readonly KeyFetch[]
  readonly connections: ConnectionCount
  /** `sha256/...` of the identity key of wire 2, for pinning; undefined without `wire: 2`. */
  readonly identity: string | undefined
  /**
   * Answers the next decryptable requests with these faults, in order; later ones as before. A second
   * call appends to the faults left.
   *
   * @throws TestkitError `ERR_INVALID_FAULT`, `ERR_GATEWAY_CLOSED`
   */
  next(...faults: Fault[]): void
  /**
   * Answers every decryptable request with this fault, when none is left of {@link next}. `undefined`
   * ends it.
   *
   * @throws TestkitError `ERR_INVALID_FAULT`, `ERR_GATEWAY_CLOSED`
   */
  always(fault: Fault | undefined): void
  /**
   * Answers every fetch of the server key with this fault. `undefined` ends it.
   *
   * @throws TestkitError `ERR_INVALID_FAULT`, `ERR_GATEWAY_CLOSED`
   */
  keyFetch(fault: HttpFault | undefined): void
  /**
   * Answers every fetch of the key statement of wire 2 with this fault. `undefined` ends it. With
   * `faults.status(404)` the gateway seems not to offer wire 2.
   *
   * @throws TestkitError `ERR_INVALID_FAULT`, also without `wire: 2`; `ERR_GATEWAY_CLOSED`
   */
  statementFetch(fault: HttpFault | StatementFault | undefined): void
  /**
   * Replaces the request key of wire 2, and the key statement. Requests encrypted to the previous key get
   * 400 from then on.
   *
   * @throws TestkitError `ERR_INVALID_OPTION` without `wire: 2`; `ERR_GATEWAY_CLOSED`
   */
  rotateRequestKey(): Promise<void>
  /**
   * Replaces the server key by a new one (0.3 to 3 seconds) or the one given. Requests encrypted to the
   * previous key get 400 from then on.
   *
   * @throws TestkitError `ERR_INVALID_OPTION`, `ERR_GATEWAY_CLOSED`
   */
  rotateKey(next?: KeyPair): Promise<void>
  /** Clears recorded requests, key fetches and faults: for tests that share a gateway. */
  clear(): void
  /** Ends every connection, also hanging ones, and stops listening. Safe to call twice. */
  close(): Promise<void>
}
