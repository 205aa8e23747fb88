import { attestationPolicy, type AttestationPolicy } from '@nomyo/attest'
import { parsePolicyFile, type PolicyFile } from '@nomyo/attest/policy-file'
import { UsageError } from '@nomyo-internal/command-line'
import { readNamedFile } from '../files.js'

/** Limit of policies, evidence and saved answers, in MiB. */
export const MAX_DOCUMENT_MEBIBYTES = 64

/**
 * Reads a policy file.
 *
 * @throws UsageError for a file that cannot be read; PolicyError for one that is no policy
 */
export const readPolicy = async (path: string): Promise<PolicyFile> => {
  const text = readNamedFile(path, MAX_DOCUMENT_MEBIBYTES).toString()
  return withinDepth(() => parsePolicyFile(text))
}

/** Reads the policy of the settings, if one is named. Throws as {@link readPolicy} does. */
export async function loadPolicy({
  policy,
}: {
  readonly policy: string | undefined
}): Promise<AttestationPolicy | undefined> {
  return policy === undefined ? undefined : attestationPolicy(await readPolicy(policy))
}

/**
 * Runs work on a JSON document, which overflows the stack when the document is nested too deeply.
 *
 * @throws UsageError in this case
 */
export async function withinDepth<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError('a file is nested too deeply')
    throw error
  }
}
