import { TPM_ALG } from '@nomyo/attest/structures'
import { password, type SendCommand } from '../command.js'
import { Writer } from '../writer.js'
import { readSigned, type SignedStatement } from './signed-statement.js'

/** What to certify, and with which key; the auth values of both are empty. */
export interface CertifyOptions {
  /** Handle of the object in question. */
  readonly object: number
  /** Handle of the key that signs, with its own scheme. */
  readonly signer: number
  /** A nonce or digest to sign along, at most 32 bytes. */
  readonly extraData: Uint8Array
}

/** TPM2_Certify (Part 3, 18.2): the signer's word that the object with this Name is in the same TPM. */
export async function certify(
  send: SendCommand,
  options: CertifyOptions,
): Promise<SignedStatement> {
  const reader = await send({
    name: 'TPM2_Certify',
    code: 0x148,
    handles: [options.object, options.signer],
    authorizations: [password(), password()],
    parameters: new Writer().sized(options.extraData).u16(TPM_ALG.NULL).toBytes(),
  })
  return readSigned(reader)
}
