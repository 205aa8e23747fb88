import { assertSame } from '../messages.js'
import type { Contender, Message } from './contender.js'

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
  const { name, isWireV1 } = contender
  const sealed = await contender.seal(message)
  checkOpened(await contender.open(sealed), message, name)
  if (!isWireV1) return
  checkOpened(await ours.open(sealed), message, `${name}, opened by ours`)
  checkOpened(await contender.open(await ours.seal(message)), message, `ours, opened by ${name}`)
}

/** @throws Error for a wrong message */
export function checkOpened(opened: unknown, { value, json }: Message, who: string): void {
  if (opened instanceof Uint8Array) {
    if (Buffer.compare(opened, json) !== 0) throw new Error(`${who}: wrong bytes`)
  } else {
    assertSame(opened, value, who)
  }
}
