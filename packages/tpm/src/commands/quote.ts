import { TPM_ALG, type PcrSelection } from '@nomyo/attest/structures'
import { password, type SendCommand } from '../wire/command.js'
import type { ResponseReader } from '../wire/response-reader.js'
import { Writer } from '../wire/writer.js'
import { writePcrSelection } from './pcr-selection.js'

/** Statement signed by a key of a TPM. */
export interface SignedStatement {
  /** TPMS_ATTEST: exactly the bytes that are signed. */
  readonly attest: Uint8Array
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array
}

/** Options of TPM2_Quote. */
export interface QuoteOptions {
  /** Handle of the signing key, whose scheme is used; its auth value is empty. */
  readonly signer: number
  readonly extraData: Uint8Array
  readonly selection: readonly PcrSelection[]
}

/** Sends TPM2_Quote (Part 3, 18.4). */
export async function quote(send: SendCommand, options: QuoteOptions): Promise<SignedStatement> {
  const parameters = new Writer().sized(options.extraData).u16(TPM_ALG.NULL)
  writePcrSelection(parameters, options.selection)
  const reader = await send({
    name: 'TPM2_Quote',
    code: 0x158,
    handles: [options.signer],
    authorizations: [password()],
    parameters: parameters.toBytes(),
  })
  return readSigned(reader)
}

/** Reads a signed statement to the end of the response. */
export function readSigned(reader: ResponseReader): SignedStatement {
  return { attest: reader.sized(), signature: reader.rest() }
}
