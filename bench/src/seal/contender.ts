import type { ChatRequest } from '../messages.js'

/** A message to seal. The JSON bytes are for the floor, which is cryptography alone. */
export interface Message {
  readonly value: ChatRequest
  readonly json: Uint8Array
}

/** A way of sealing, ready to work: keys are imported, modules loaded. */
export interface Contender {
  readonly name: ContenderName
  /** Whether it writes and reads NOMYO envelopes, so that ours must open them and the other way round. */
  readonly isWireV1: boolean
  seal(message: Message): Promise<Uint8Array>
  /** Gives the value that was sealed; the floor gives its bytes. */
  open(body: Uint8Array): Promise<unknown>
}

export const CONTENDERS = ['ours', 'naive', 'webcrypto', 'jose', 'hpke', 'floor'] as const
export type ContenderName = (typeof CONTENDERS)[number]
