import { HASHES, type HashName } from '@nomyo/attest/structures'
import { password, type SendCommand } from '../../src/wire/command.js'
import { Writer } from '../../src/wire/writer.js'

/** TPM2_PCR_Extend (Part 3, 22.2). */
export async function pcrExtend(
  send: SendCommand,
  pcr: number,
  hash: HashName,
  digest: Uint8Array,
): Promise<void> {
  await send({
    name: 'TPM2_PCR_Extend',
    code: 0x182,
    handles: [pcr],
    authorizations: [password()],
    parameters: new Writer().u32(1).u16(HASHES[hash].id).raw(digest).toBytes(),
  })
}
