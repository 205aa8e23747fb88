import { PolicyError, attestationPolicy, type AttestationPolicy } from '@nomyo/attest'
import { ReceiptError } from '@nomyo/attest/errors'
import { parsePolicyFile, type PolicyFile } from '@nomyo/attest/policy-file'
import { UsageError } from '@nomyo-internal/command-line'
import { SecurityError } from '@nomyo/crypto'
import { readTrustedFile } from '@nomyo/crypto/keys/node'

/** Limit of policies, evidence and saved answers, in MiB. */
export const MAX_DOCUMENT_MEBIBYTES = 64

/** A policy has at most a million characters. */
const MAX_POLICY_BYTES = 4 * 1024 * 1024

/**
 * Reads a policy file.
 *
 * @throws UsageError for a file that cannot be read, that another user can change, or that is no policy
 */
export const readPolicy = async (path: string): Promise<PolicyFile> => {
  const text = await readTrustedFile(path, { maxBytes: MAX_POLICY_BYTES }).catch(
    (error: unknown) => {
      throw error instanceof SecurityError ? new UsageError(error.message) : error
    },
  )
  if (text === undefined) throw new UsageError(`${path} does not exist`)
  return useDocument(() => parsePolicyFile(text))
}

/** Reads the policy of the settings, if one is named. @throws UsageError */
export async function loadPolicy({
  policy,
}: {
  readonly policy: string | undefined
}): Promise<AttestationPolicy | undefined> {
  if (policy === undefined) return undefined
  const rules = await readPolicy(policy)
  return useDocument(() => attestationPolicy(rules))
}

/**
 * Runs work on a policy or a receipt. One that cannot be used is a mistake in a file, not a verdict.
 *
 * @throws UsageError in this case
 */
export async function useDocument<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof PolicyError || error instanceof ReceiptError) {
      throw new UsageError(error.message)
    }
    // The stack overflowed.
    if (error instanceof RangeError) throw new UsageError('a file is nested too deeply')
    throw error
  }
}
