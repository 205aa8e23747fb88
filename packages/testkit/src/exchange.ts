import type { ServerResponse } from 'node:http'
import type { PublicKey } from '@nomyo/crypto'
import type { StatementContent } from '@nomyo/crypto/wire-2'

/** A pending response of any kind. */
export interface HttpExchange {
  /** Node's response; nothing is written to it yet. */
  readonly response: ServerResponse
  /** Returns the body that is sent without a fault. */
  readonly normalBody: () => Promise<Uint8Array>
}

/** A pending response to an encrypted request. */
export interface CompletionExchange extends HttpExchange {
  /** The request as received, encrypted. */
  readonly envelope: Uint8Array
  readonly payloadId: string
  /** The body of the last response without a fault, if any. */
  readonly previousBody: Uint8Array | undefined
  /** This gateway's own key, whose private half the caller does not have. */
  readonly serverKey: PublicKey
  /** Returns the completion that is encrypted without a fault. */
  readonly completion: () => Promise<Record<string, unknown>>
  /** Encrypts a value as an answer: to the caller, or to another recipient. */
  readonly seal: (value: unknown, recipient?: PublicKey) => Promise<Uint8Array>
}

/** A response to encrypt, over wire 2. */
export interface SealedResponse {
  readonly status: number
  /** Media type of the content. Default `application/json`. */
  readonly type?: string
  /** Further fields, by lower-case name; `date` replaces the time of the gateway. */
  readonly fields?: Readonly<Record<string, string>>
  /** Encoded as JSON, except where the type is of text. */
  readonly content: unknown
}

/** Deviations of an encrypted response. */
export interface SealOptions {
  /** Default true; false omits the mark of the end. */
  readonly final?: boolean
}

/** A pending response to a request over wire 2. */
export interface SealedExchange extends HttpExchange {
  /** The request as received, encrypted. */
  readonly body: Uint8Array
  readonly payloadId: string
  /** Returns the completion of the response without a fault. */
  readonly completion: () => Promise<Record<string, unknown>>
  /** Returns the response without a fault: the completion, as a stream where the request asks for one. */
  readonly normalResponse: () => Promise<SealedResponse>
  /** Encrypts a response, in the pieces of a body: its head, then chunks. Works once. */
  readonly seal: (response: SealedResponse, options?: SealOptions) => Promise<Uint8Array[]>
}

/** A pending response to a fetch of the key statement. */
export interface StatementExchange extends HttpExchange {
  /** The content of the statement that is sent without a fault. */
  readonly content: StatementContent
  /** Signs other content: as this gateway, as another one, or under this identity without its key. */
  readonly sign: (
    content: StatementContent,
    signer?: 'this' | 'other' | 'forger',
  ) => Promise<Uint8Array>
}
