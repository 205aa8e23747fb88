import { TPMA_OBJECT, TPM_ALG } from '@nomyo/attest/structures'
import {
  requireAuth,
  requireBytes,
  requireHandle,
  requireMethod,
  requireOptions,
} from '../arguments.js'
import { activateCredential, type Credential } from '../commands/activate-credential.js'
import { createPrimary, type LoadedObject } from '../commands/create-primary.js'
import { thenFlush } from '../commands/flush-context.js'
import { policySecretEndorsement } from '../commands/policy-secret.js'
import { startPolicySession } from '../commands/start-auth-session.js'
import type { Tpm } from '../tpm.js'
import type { SendCommand } from '../wire/command.js'
import { Writer } from '../wire/writer.js'

/** Options of {@link openCredential}. */
export interface OpenCredentialOptions extends Credential {
  /** Handle of the key that the credential was made for. */
  readonly object: number
  /** Auth value of the endorsement hierarchy. Default empty. */
  readonly endorsementAuth?: Uint8Array
}

/**
 * Reads the TPM2B_PUBLIC of the RSA-2048 endorsement key: the subject of the manufacturer's certificate,
 * and the key for which credentials are made.
 */
export async function readEndorsementKey(
  tpm: Tpm,
  endorsementAuth?: Uint8Array,
): Promise<Uint8Array> {
  requireMethod(tpm, 'tpm', 'exclusive')
  requireAuth(endorsementAuth, 'endorsementAuth')
  return tpm.exclusive((send) =>
    withEndorsementKey(send, endorsementAuth, (key) => Promise.resolve(key.publicArea)),
  )
}

/**
 * Decrypts the secret in a credential. The TPM releases it only if this endorsement key and the object
 * are in the same TPM, and the object has the Name that the credential was made for.
 *
 * @throws TpmError `ERR_TPM_COMMAND` when the credential is for another TPM or another object
 */
export async function openCredential(
  tpm: Tpm,
  options: OpenCredentialOptions,
): Promise<Uint8Array> {
  requireMethod(tpm, 'tpm', 'exclusive')
  requireOptions(options)
  const { endorsementAuth } = options
  requireAuth(endorsementAuth, 'endorsementAuth')
  requireHandle(options.object, 'object')
  requireBytes(options.idObject, 'idObject')
  requireBytes(options.encryptedSecret, 'encryptedSecret')
  return tpm.exclusive((send) =>
    withEndorsementKey(send, endorsementAuth, async (key) => {
      const session = await startPolicySession(send)
      return thenFlush(send, session, async () => {
        await policySecretEndorsement(send, session, endorsementAuth)
        return activateCredential(send, { ...options, endorsementKey: key.handle, session })
      })
    }),
  )
}

async function withEndorsementKey<T>(
  send: SendCommand,
  endorsementAuth: Uint8Array | undefined,
  work: (key: LoadedObject) => Promise<T>,
): Promise<T> {
  const key = await createPrimary(send, {
    hierarchy: 'endorsement',
    hierarchyAuth: endorsementAuth,
    template: endorsementKeyTemplate(),
  })
  return thenFlush(send, key.handle, () => work(key))
}

/** PolicySecret(TPM_RH_ENDORSEMENT), from the profile below. */
const POLICY_A = '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa'
const MODULUS_BYTES = 256

const { fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt } =
  TPMA_OBJECT

/** Template L-1 of the TCG EK Credential Profile, B.3.3. */
function endorsementKeyTemplate(): Uint8Array {
  return new Writer()
    .u16(TPM_ALG.RSA)
    .u16(TPM_ALG.SHA256)
    .u32(fixedTPM | fixedParent | sensitiveDataOrigin | adminWithPolicy | restricted | decrypt)
    .sized(Buffer.from(POLICY_A, 'hex'))
    .u16(TPM_ALG.AES)
    .u16(128)
    .u16(TPM_ALG.CFB)
    .u16(TPM_ALG.NULL) // scheme
    .u16(2048)
    .u32(0) // exponent: 65537
    .sized(new Uint8Array(MODULUS_BYTES))
    .toBytes()
}
