import type { SendCommand } from '../../src/index.js'
import { Writer } from '../../src/wire/writer.js'

const TPM_CAP_HANDLES = 1
const TRANSIENT = 0x80000000
const SESSIONS = 0x02000000

/** Counts the objects and sessions that were not flushed. */
export async function countLoaded(send: SendCommand): Promise<number> {
  let count = 0
  for (const range of [TRANSIENT, SESSIONS]) {
    const reader = await send({
      name: 'TPM2_GetCapability',
      code: 0x17a,
      parameters: new Writer().u32(TPM_CAP_HANDLES).u32(range).u32(64).toBytes(),
    })
    reader.take(5) // moreData, capability
    count += reader.u32()
  }
  return count
}
