import { password, type Authorization, type SendCommand } from '../wire/command.js'
import { EMPTY, Writer } from '../wire/writer.js'

/** Credential in the format of TPM2_MakeCredential. */
export interface Credential {
  /** TPM2B_ID_OBJECT. */
  readonly idObject: Uint8Array
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly encryptedSecret: Uint8Array
}

/** Options of TPM2_ActivateCredential. */
export interface ActivateCredentialOptions extends Credential {
  /** Handle of the object that it was made for; its auth value is empty. */
  readonly object: number
  /** Handle of the endorsement key. */
  readonly endorsementKey: number
  /** Policy session that satisfies the policy of the endorsement key. */
  readonly session: number
}

/** Sends TPM2_ActivateCredential (Part 3, 12.5) and returns the secret. */
export async function activateCredential(
  send: SendCommand,
  options: ActivateCredentialOptions,
): Promise<Uint8Array> {
  const policy: Authorization = { session: options.session, secret: EMPTY }
  const reader = await send({
    name: 'TPM2_ActivateCredential',
    code: 0x147,
    handles: [options.object, options.endorsementKey],
    authorizations: [password(), policy],
    parameters: new Writer().raw(options.idObject).raw(options.encryptedSecret).toBytes(),
  })
  const secret = reader.sized()
  reader.end()
  return secret
}
