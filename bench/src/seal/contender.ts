import { assertSame, chatRequest, type ChatRequest, type Size, type Text } from '../messages.js'

/** A message to seal. The JSON bytes are for the baseline, which does cryptography only. */
export interface Message {
  readonly value: ChatRequest
  readonly json: Uint8Array
}

/** Returns a message to seal; see `chatRequest`. */
export function messageOf(size: Size, text: Text): Message {
  const value = chatRequest(size, text)
  return { value, json: new TextEncoder().encode(JSON.stringify(value)) }
}

/** An implementation of sealing with its keys imported and modules loaded. */
export interface Sealer {
  seal(message: Message): Promise<Uint8Array>
  /** Returns the value that was sealed; the baseline returns its bytes. */
  open(body: Uint8Array): Promise<unknown>
}

export interface Contender extends Sealer {
  readonly name: ContenderName
}

export const CONTENDERS = ['ours', 'naive', 'webcrypto', 'jose', 'hpke', 'baseline'] as const
export type ContenderName = (typeof CONTENDERS)[number]

/** Contenders with NOMYO envelopes, which `ours` must open, and the reverse. */
const WIRE_V1: readonly ContenderName[] = ['ours', 'naive', 'webcrypto']

/**
 * Verifies that a contender opens the messages that it seals, and for NOMYO envelopes that it and `ours`
 * open the envelopes of each other.
 *
 * @throws Error that names the contender that fails
 */
export async function verify(
  contender: Contender,
  ours: Contender,
  message: Message,
): Promise<void> {
  const { name } = contender
  const sealed = await contender.seal(message)
  checkOpened(await contender.open(sealed), message, name)
  if (!WIRE_V1.includes(name)) return
  checkOpened(await ours.open(sealed), message, `${name}, opened by ours`)
  checkOpened(await contender.open(await ours.seal(message)), message, `ours, opened by ${name}`)
}

/** @throws Error for a wrong message */
export function checkOpened(opened: unknown, { value, json }: Message, who: string): void {
  if (!(opened instanceof Uint8Array)) assertSame(opened, value, who)
  else if (Buffer.compare(opened, json) !== 0) throw new Error(`${who}: wrong bytes`)
}
