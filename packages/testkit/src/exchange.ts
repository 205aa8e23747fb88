import type { ServerResponse } from 'node:http'
import type { PublicKey } from '@nomyo/crypto'

/** One answer about to be given, of whatever kind. */
export interface HttpExchange {
  /** Node's response; nothing has been written to it. */
  readonly response: ServerResponse
  /** The body that would be sent without a fault. */
  readonly normalBody: () => Promise<Uint8Array>
}

/** One answer to a sealed request about to be given. */
export interface CompletionExchange extends HttpExchange {
  /** The request as it came, sealed. */
  readonly envelope: Uint8Array
  readonly payloadId: string
  /** The body of the last answer given without a fault, if there was one. */
  readonly previousBody: Uint8Array | undefined
  /** A key the caller has no private half of: this gateway's own. */
  readonly serverKey: PublicKey
  /** What would be sealed without a fault. */
  readonly completion: () => Promise<Record<string, unknown>>
  /** Seals a value as an answer is sealed; for the caller unless another recipient is named. */
  readonly seal: (value: unknown, recipient?: PublicKey) => Promise<Uint8Array>
}
