import { assertSame } from '../messages.js'
import type { Contender, Message } from './contender.js'

/**
 * Sees that a contender does what it is measured for: opens what it sealed, and where it writes NOMYO
 * envelopes, ours opens them and it opens ours.
 *
 * @throws Error naming the contender that does not
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

/** @throws Error for anything but the message */
export function checkOpened(opened: unknown, { value, json }: Message, who: string): void {
  if (opened instanceof Uint8Array) {
    if (Buffer.compare(opened, json) !== 0) throw new Error(`${who}: wrong bytes`)
  } else {
    assertSame(opened, value, who)
  }
}
