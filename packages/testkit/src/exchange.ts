import type { ServerResponse } from 'node:http'
import type { PublicKey } from '@nomyo/crypto'

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
