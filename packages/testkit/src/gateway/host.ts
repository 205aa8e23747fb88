import type { KeyPair } from '@nomyo/crypto'
import type { Answer } from '../answer.js'
import type { Fault } from '../faults/fault.js'
import type { ReceivedRequest } from '../test-gateway.js'

/** The parts of a gateway that all wires share. */
export interface GatewayHost {
  readonly apiKey: string | undefined
  readonly answer: Answer
  readonly serverKey: () => KeyPair
  /** Returns the fault for the next request, if any. */
  readonly takeFault: () => Fault | undefined
  readonly record: (request: ReceivedRequest) => void
  /** @throws Refusal 409 for an id that was served before */
  readonly refuseRepeats: (ids: readonly string[]) => void
}

/** Caches the first result. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => (result ??= work())
}
