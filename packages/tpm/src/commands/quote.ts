import { TPM_ALG, type PcrSelection } from '@nomyo/attest/structures'
import { password, type SendCommand } from '../command.js'
import { Writer } from '../writer.js'
import { writePcrSelection } from './pcr-selection.js'
import { readSigned, type SignedStatement } from './signed-statement.js'

/** What to quote, and with which key. */
export interface QuoteOptions {
  /** Handle of the key, whose scheme is used; its auth value is empty. */
  readonly signer: number
  readonly extraData: Uint8Array
  readonly selection: readonly PcrSelection[]
}

/** TPM2_Quote (Part 3, 18.4). */
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
