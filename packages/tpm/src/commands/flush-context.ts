import { requireFunction, requireHandle } from '../arguments.js'
import type { SendCommand } from '../wire/command.js'
import { Writer } from '../wire/writer.js'

/** Sends TPM2_FlushContext (Part 3, 28.4): removes a loaded object or a session. */
export async function flushContext(send: SendCommand, handle: number): Promise<void> {
  requireFunction(send, 'send')
  requireHandle(handle, 'handle')
  const reader = await send({
    name: 'TPM2_FlushContext',
    code: 0x165,
    parameters: new Writer().u32(handle).toBytes(),
  })
  reader.end()
}

/** Runs `work`, then flushes `handle`, also after a failure; the error of `work` takes precedence. */
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
