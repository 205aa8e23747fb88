import type { SendCommand } from '../command.js'
import { Writer } from '../writer.js'

/** TPM2_FlushContext (Part 3, 28.4): removes a loaded object or a session. */
export async function flushContext(send: SendCommand, handle: number): Promise<void> {
  const reader = await send({
    name: 'TPM2_FlushContext',
    code: 0x165,
    parameters: new Writer().u32(handle).toBytes(),
  })
  reader.end()
}

/** Does `work`, then flushes `handle`, also when the work failed; its error is the one that counts. */
export async function thenFlush<T>(
  send: SendCommand,
  handle: number,
  work: () => Promise<T>,
): Promise<T> {
  let result: T
  try {
    result = await work()
  } catch (error) {
    await flushContext(send, handle).catch(() => undefined)
    throw error
  }
  await flushContext(send, handle)
  return result
}
