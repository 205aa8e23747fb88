import type { ChatRequest } from '../messages.js'

/** Plaintext in one piece, as both ends hold it. */
export type Text = Uint8Array<ArrayBuffer>

/** The ends of an exchange, with keys imported and modules loaded. */
export interface ExchangeContender {
  /**
   * Encrypts a request, decrypts it, encrypts its plaintext as the answer, and decrypts that. The gateway
   * parses nothing.
   *
   * @returns the value of the answer
   */
  exchange(value: ChatRequest): Promise<unknown>
}

export const EXCHANGE_CONTENDERS = [
  'wire2',
  'wire1',
  'aes',
  'hpke',
  'hpkeCore',
  'ehbp',
  'jose',
] as const
export type ExchangeContenderName = (typeof EXCHANGE_CONTENDERS)[number]

export const encode = (value: unknown): Text => new TextEncoder().encode(JSON.stringify(value))

export const decode = (json: Uint8Array): unknown =>
  JSON.parse(new TextDecoder().decode(json)) as unknown
