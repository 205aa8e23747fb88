import type { ChatRequest } from '../messages.js'

/** A message to seal. The JSON bytes are for the baseline, which does cryptography only. */
export interface Message {
  readonly value: ChatRequest
  readonly json: Uint8Array
}

/** An implementation of sealing with its keys imported and modules loaded. */
export interface Contender {
  readonly name: ContenderName
  /** True for NOMYO envelopes, which `ours` must open, and the reverse. */
  readonly isWireV1: boolean
  seal(message: Message): Promise<Uint8Array>
  /** Returns the value that was sealed; the baseline returns its bytes. */
  open(body: Uint8Array): Promise<unknown>
}

export const CONTENDERS = ['ours', 'naive', 'webcrypto', 'jose', 'hpke', 'baseline'] as const
export type ContenderName = (typeof CONTENDERS)[number]
