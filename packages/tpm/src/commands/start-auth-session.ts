import { TPM_ALG, TPM_RH } from '@nomyo/attest/structures'
import type { SendCommand } from '../wire/command.js'
import { EMPTY, Writer } from '../wire/writer.js'

const TPM_SE_POLICY = 1
const NONCE_BYTES = 16

/** Sends TPM2_StartAuthSession (Part 3, 11.1) for an unbound, unsalted SHA-256 policy session. Flush it. */
export async function startPolicySession(send: SendCommand): Promise<number> {
  const reader = await send({
    name: 'TPM2_StartAuthSession',
    code: 0x176,
    handles: [TPM_RH.null, TPM_RH.null],
    parameters: new Writer()
      .sized(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)))
      .sized(EMPTY) // encryptedSalt
      .u8(TPM_SE_POLICY)
      .u16(TPM_ALG.NULL)
      .u16(TPM_ALG.SHA256)
      .toBytes(),
    returnsHandle: true,
  })
  const session = reader.u32()
  reader.sized() // nonceTPM
  reader.end()
  return session
}
