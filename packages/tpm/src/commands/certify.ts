import { TPM_ALG } from '@nomyo/attest/structures'
import { requireBytes, requireFunction, requireHandle, requireOptions } from '../arguments.js'
import { password, type SendCommand } from '../wire/command.js'
import { Writer } from '../wire/writer.js'
import { readSigned, type SignedStatement } from './quote.js'

/** Options of TPM2_Certify; the auth values of both objects are empty. */
export interface CertifyOptions {
  /** Handle of the object to certify. */
  readonly object: number
  /** Handle of the signing key, whose scheme is used. */
  readonly signer: number
  /** Nonce or digest to include in the statement, at most 32 bytes. */
  readonly extraData: Uint8Array
}

/** Sends TPM2_Certify (Part 3, 18.2): the signer states that the object with this Name is in the same TPM. */
export async function certify(
  send: SendCommand,
  options: CertifyOptions,
): Promise<SignedStatement> {
  requireFunction(send, 'send')
  requireOptions(options)
  requireHandle(options.object, 'object')
  requireHandle(options.signer, 'signer')
  requireBytes(options.extraData, 'extraData')
  const reader = await send({
    name: 'TPM2_Certify',
    code: 0x148,
    handles: [options.object, options.signer],
    authorizations: [password(), password()],
    parameters: new Writer().sized(options.extraData).u16(TPM_ALG.NULL).toBytes(),
  })
  return readSigned(reader)
}
