import type { IncomingHttpHeaders } from 'node:http'
import type { KeyPair } from '@nomyo/crypto'
import type { ChatRequest, RequestFacts } from './answer.js'
import type { Fault, HttpFault } from './faults/fault.js'
import { readOptions, type TestGatewayOptions } from './options.js'
import { RunningGateway } from './running-gateway.js'

/** A request the gateway opened, whatever it was answered with. */
export interface OpenedRequest extends RequestFacts {
  readonly request: ChatRequest
  /** By lower-case name. */
  readonly headers: IncomingHttpHeaders
  /** The request as it came, sealed. */
  readonly envelope: Uint8Array
  /** The name of the fault it was answered with, if it was one. */
  readonly fault: string | undefined
}

/** A request for the server key. */
export interface KeyFetch {
  /** By lower-case name. */
  readonly headers: IncomingHttpHeaders
}

/** What leaks of connections show in. */
export interface ConnectionCount {
  /** Open now. */
  readonly open: number
  /** Opened since the start. */
  readonly accepted: number
}

/** A gateway that listens, in this process. */
export interface TestGateway {
  /** Where it listens, such as `http://127.0.0.1:49152`. Clients need `allowHttp: true`. */
  readonly url: string
  /** `sha256/...` of the server key in use, for pinning. */
  readonly fingerprint: string
  /** Every request that was opened, oldest first. */
  readonly requests: readonly OpenedRequest[]
  /** Every time the server key was asked for, oldest first. */
  readonly keyFetches: readonly KeyFetch[]
  readonly connections: ConnectionCount
  /**
   * Answers the next requests that can be opened with these faults, in order; after them everything
   * is as before. Called again, it adds to what is left.
   *
   * @throws TestkitError `ERR_INVALID_FAULT`, `ERR_GATEWAY_CLOSED`
   */
  next(...faults: Fault[]): void
  /**
   * Answers every request that can be opened with this fault, when none is left of {@link next}.
   * `undefined` ends it.
   *
   * @throws TestkitError `ERR_INVALID_FAULT`, `ERR_GATEWAY_CLOSED`
   */
  always(fault: Fault | undefined): void
  /**
   * Answers every request for the server key with this fault. `undefined` ends it.
   *
   * @throws TestkitError `ERR_INVALID_FAULT`, `ERR_GATEWAY_CLOSED`
   */
  keyFetch(fault: HttpFault | undefined): void
  /**
   * Exchanges the server key, for a new one (0.3 to 3 seconds) or the one given. From then on the old
   * one opens nothing: 400.
   *
   * @throws TestkitError `ERR_INVALID_OPTION`, `ERR_GATEWAY_CLOSED`
   */
  rotateKey(next?: KeyPair): Promise<void>
  /** Forgets recorded requests and key fetches, and faults: for tests that share a gateway. */
  clear(): void
  /** Ends every connection, also those that hang, and stops listening. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Starts a gateway on a free port of 127.0.0.1.
 *
 * @throws TestkitError `ERR_INVALID_OPTION`, naming the option
 *
 * @example
 * ```ts
 * const gateway = await startTestGateway({ answer: () => 'Hello!' })
 * gateway.next(faults.rateLimited({ retryAfterSeconds: 1 }))
 * // ... the client, with `baseUrl: gateway.url` and `allowHttp: true` ...
 * await gateway.close()
 * ```
 */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = new RunningGateway(await readOptions(options))
  await gateway.listen()
  return gateway
}
