import { password, type Authorization, type SendCommand } from '../command.js'
import { EMPTY, Writer } from '../writer.js'

/** A credential as TPM2_MakeCredential gives it. */
export interface Credential {
  /** TPM2B_ID_OBJECT. */
  readonly idObject: Uint8Array
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly encryptedSecret: Uint8Array
}

/** Which key the credential is for, and which one opens it. */
export interface ActivateCredentialOptions extends Credential {
  /** Handle of the object it was made for; its auth value is empty. */
  readonly object: number
  /** Handle of the endorsement key. */
  readonly endorsementKey: number
  /** A policy session that satisfies the policy of the endorsement key. */
  readonly session: number
}

/** TPM2_ActivateCredential (Part 3, 12.5). */
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
