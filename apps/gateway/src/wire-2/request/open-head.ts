import { SecurityError } from '@nomyo/crypto'
import {
  openRequest,
  type ChunkSealer,
  type RequestHeader,
  type RequestKey,
} from '@nomyo/crypto/wire-2'
import { MAX_CHUNK_BYTES } from '../../request-keys/statement.js'
import type { BodyParts } from './body-parts.js'
import type { ExchangeContext } from '../exchange-context.js'
import { PlaintextChunks } from './plaintext-chunks.js'
import { TurnBudget } from './turn-budget.js'

/** Request whose first chunk is open. */
export interface OpenedHead {
  /** Key and suite that the client chose. */
  readonly suite: RequestHeader
  /** The encapsulated secret, which no two requests share. */
  readonly enc: Uint8Array
  readonly firstChunk: Uint8Array
  /** The chunks behind it. */
  readonly chunks: PlaintextChunks
  /** Encrypts the answer. */
  readonly sealer: ChunkSealer
}

/** Settings of {@link openHead}. */
export interface OpenHeadOptions {
  readonly keys: readonly RequestKey[]
  /** Decapsulates when it is the turn of the caller. */
  readonly inTurn: <T>(decapsulate: () => Promise<T>) => Promise<T>
  /** Time for the first chunk to arrive, in milliseconds. */
  readonly timeoutMs: number
  /** Aborts when the place of the request is given to a newer one. */
  readonly evicted?: AbortSignal | undefined
}

/**
 * Decrypts the first chunk of a request as it arrives. From then on the gateway can answer so that only the
 * sender reads it.
 *
 * @throws SecurityError; HttpError 400 when the caller disconnects, 408, 503
 */
export async function openHead(
  parts: BodyParts,
  { keys, inTurn, timeoutMs, evicted }: OpenHeadOptions,
  { maxBytes, turns }: Pick<ExchangeContext, 'turns'> & { readonly maxBytes: number },
): Promise<OpenedHead> {
  const inOrder = keys.map(({ decapsulate, deriveSecrets, ...key }) => ({
    ...key,
    decapsulate: (enc: Uint8Array) => inTurn(() => decapsulate(enc)),
    deriveSecrets: deriveSecrets && ((head: Uint8Array) => inTurn(() => deriveSecrets(head))),
  }))
  const opener = openRequest(inOrder, { maxChunk: MAX_CHUNK_BYTES, maxBytes })
  const chunks = new PlaintextChunks(opener, parts, new TurnBudget(turns))
  try {
    const firstChunk = await chunks.next(timeoutMs, evicted)
    const { header: suite, enc } = opener
    if (firstChunk === undefined || suite === undefined || enc === undefined) {
      throw new SecurityError('ERR_TRUNCATED', 'The message ends before its end.')
    }
    return { suite, enc, firstChunk, chunks, sealer: await opener.sealAnswer() }
  } catch (error) {
    chunks.dispose()
    throw error
  }
}
