import { TPM_RH } from '@nomyo/attest/structures'
import { password, type SendCommand } from '../wire/command.js'
import { EMPTY, Writer } from '../wire/writer.js'

/** Sends TPM2_PolicySecret (Part 3, 23.4) with the endorsement hierarchy, as the policy of an EK requires. */
export async function policySecretEndorsement(
  send: SendCommand,
  session: number,
  endorsementAuth?: Uint8Array,
): Promise<void> {
  await send({
    name: 'TPM2_PolicySecret',
    code: 0x151,
    handles: [TPM_RH.endorsement, session],
    authorizations: [password(endorsementAuth)],
    // nonceTPM, cpHashA, policyRef, expiration
    parameters: new Writer().sized(EMPTY).sized(EMPTY).sized(EMPTY).u32(0).toBytes(),
  })
}
