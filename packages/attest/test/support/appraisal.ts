import { tpmVector, type QuoteVector } from '@nomyo/test-vectors'
import type { AttestationResult, CheckId, CheckStatus } from '../../src/index.js'
import { appraise, pinnedAk, type AppraisalPolicy } from '../../src/index.js'
import { fromHex } from '../../src/bytes/hex.js'
import { parsePcrSelection } from '../../src/pcr/selection.js'

/** A vector by its name. */
export const quoteVector = (name: string): QuoteVector => tpmVector<QuoteVector>(name)

export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new Error(`not hex: ${hex}`)
  return bytes
}

/** The policy a vector asks for; trust is `none` where it names no anchor. */
export function policyOf(vector: QuoteVector): AppraisalPolicy {
  const { policy = {}, expected_extra_data: expected } = vector
  const required = (policy.required_pcrs ?? ['sha256:0', 'sha256:7', 'sha256:10']).map((text) =>
    parsePcrSelection(text),
  )
  const banks = [...new Set(required.flat().map(({ hash }) => hash))]
  const previous = policy.previous_clock
  return {
    nonce: { extraData: bytesOf(expected.hex) },
    requiredPcrs: banks.map((hash) => ({
      hash,
      pcrs: required.flat().flatMap((one) => (one.hash === hash ? one.pcrs : [])),
    })),
    referenceValues: policy.reference_values,
    trust:
      policy.ak_name !== undefined
        ? [pinnedAk(bytesOf(policy.ak_name))]
        : policy.require_trust === true
          ? []
          : 'none',
    qualifiedSigner:
      policy.qualified_signer === undefined ? undefined : bytesOf(policy.qualified_signer),
    previous:
      previous === undefined
        ? undefined
        : {
            // The vector names no key for its earlier quote: it is the one that signed this.
            qualifiedSigner: String(vector.parsed?.['qualifiedSigner']),
            clock: previous,
            firmwareVersion: `0x${BigInt(previous.firmwareVersion).toString(16)}`,
          },
  }
}

export function appraiseVector(
  name: string,
  changes: Partial<AppraisalPolicy> = {},
): Promise<AttestationResult> {
  const vector = quoteVector(name)
  return appraise(vector.tpm_attestation, { ...policyOf(vector), ...changes })
}

/** The ids of all checks with this status. */
export function idsWith(result: AttestationResult, status: CheckStatus): CheckId[] {
  return result.checks.filter((check) => check.status === status).map(({ id }) => id)
}

/** Status and code of one check. */
export function found(result: AttestationResult, id: CheckId): string {
  const check = result.checks.find((one) => one.id === id)
  return `${check?.status ?? 'absent'} ${check?.code ?? ''}`
}
