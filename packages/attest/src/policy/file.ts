import { requireObject, requireText } from '../arguments.js'
import { PolicyError } from '../attest-error.js'
import { fromHex, toHex } from '../bytes/hex.js'
import { hasExactly, isRecord, jsonFlaw, parseJsonObject } from '../bytes/json.js'
import type { TrustAnchor } from '../trust/anchor.js'
import { pinnedAk } from '../trust/pinned-ak.js'
import { akCertificate, type AkCertificateOptions } from '../x509/ak-certificate.js'
import type { PolicyDocument } from './policy.js'
import { checkPolicy, type AppraisalPolicy } from './rules.js'

/** Policy of a file: the part of an appraisal policy that is the same for every quote. */
export interface PolicyFile extends Pick<
  AppraisalPolicy,
  'requiredPcrs' | 'referenceValues' | 'trust' | 'qualifiedSigner' | 'firmware'
> {
  /** JSON of the file, for receipts. */
  readonly document: PolicyDocument
}

/** Identifies type and version of the file. */
const FORMAT = 'nomyo-attestation-policy/1'
const MAX_CHARACTERS = 1024 * 1024

const MEMBERS = [
  'format',
  'comment',
  'requiredPcrs',
  'referenceValues',
  'trust',
  'qualifiedSigner',
  'firmware',
]

/**
 * Parses a policy from the JSON of a file:
 *
 * ```json
 * {
 *   "format": "nomyo-attestation-policy/1",
 *   "requiredPcrs": "sha256:0,7",
 *   "referenceValues": { "sha256": { "7": ["5c53…"] } },
 *   "trust": [{ "pinnedAk": "000b…" }, { "akCertificate": { "leaf": "PEM", "intermediates": [], "roots": ["PEM"] } }]
 * }
 * ```
 *
 * `akCertificate` takes an `issuer` too; `trust` may be `"none"`; `comment` holds any value;
 * `qualifiedSigner` is hex, `firmware` as in `AppraisalPolicy`. Other members are refused, and so is a
 * member that an object has twice: a misspelt or hidden one would loosen the policy silently.
 *
 * @throws PolicyError `ERR_POLICY_INVALID`
 * @example
 * ```ts
 * import { attestationPolicy } from '@nomyo/attest'
 * import { parsePolicyFile } from '@nomyo/attest/policy-file'
 *
 * declare const json: string
 *
 * const policy = attestationPolicy(parsePolicyFile(json))
 * ```
 */
export function parsePolicyFile(text: string): PolicyFile {
  const file = parseObject(text)
  const unknown = Object.keys(file).find((name) => !MEMBERS.includes(name))
  if (unknown !== undefined) throw new PolicyError(`the policy has an unknown member "${unknown}"`)
  if (file['format'] !== FORMAT) throw new PolicyError(`"format" of a policy must be "${FORMAT}"`)

  const { requiredPcrs, referenceValues, firmware, qualifiedSigner } = file
  if (typeof requiredPcrs !== 'string') throw new PolicyError('"requiredPcrs" must be a string')
  if (firmware !== undefined && !isFirmware(firmware)) {
    throw new PolicyError('"firmware" must be { "allowed": ["0x…"] }')
  }
  if (referenceValues !== undefined && !isReferenceValues(referenceValues)) {
    throw new PolicyError('"referenceValues" must hold hex by bank and PCR index')
  }
  const policy: PolicyFile = {
    requiredPcrs,
    trust: readTrust(file['trust']),
    document: file,
    ...(referenceValues === undefined ? {} : { referenceValues }),
    ...(firmware === undefined ? {} : { firmware }),
    ...(qualifiedSigner === undefined
      ? {}
      : { qualifiedSigner: readHex(qualifiedSigner, 'qualifiedSigner') }),
  }
  checkPolicy({ ...policy, nonce: { extraData: new Uint8Array(32) } })
  return policy
}

/** Formats a policy file that pins attestation keys by their Names, in hex. */
export function formatPolicyFile(policy: {
  readonly comment?: string
  readonly requiredPcrs: string
  readonly referenceValues?: AppraisalPolicy['referenceValues']
  readonly pinnedAkNames: readonly string[]
}): string {
  requireObject(policy, 'the policy')
  const { comment, requiredPcrs, referenceValues, pinnedAkNames } = policy
  if (comment !== undefined) requireText(comment, 'comment')
  requireText(requiredPcrs, 'requiredPcrs')
  if (referenceValues !== undefined) requireObject(referenceValues, 'referenceValues')
  if (!isTexts(pinnedAkNames)) throw new PolicyError('pinnedAkNames must be a list of hex')
  const trust = pinnedAkNames.map((name) => ({ pinnedAk: toHex(readHex(name, 'pinnedAk')) }))
  const file = { format: FORMAT, comment, requiredPcrs, referenceValues, trust }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

function parseObject(text: string): Record<string, unknown> {
  if (typeof text !== 'string') throw new PolicyError('the text of a policy must be a string')
  if (text.length > MAX_CHARACTERS) throw new PolicyError('the policy is larger than 1 MiB')
  const object = parseJsonObject(text)
  if (object === undefined) throw new PolicyError('the policy is not a JSON object')
  const flaw = jsonFlaw(text)
  if (flaw !== undefined) throw new PolicyError(`the policy ${flaw}`)
  return object
}

function readTrust(trust: unknown): readonly TrustAnchor[] | 'none' {
  if (trust === 'none') return trust
  if (!Array.isArray(trust) || trust.length === 0) {
    throw new PolicyError('"trust" must list trust anchors, or be "none"')
  }
  return trust.map((anchor: unknown) => {
    const [kind, value] = isRecord(anchor) ? (Object.entries(anchor)[0] ?? []) : []
    const single = isRecord(anchor) && Object.keys(anchor).length === 1
    if (single && kind === 'pinnedAk') return pinnedAk(readHex(value, 'pinnedAk'))
    if (single && kind === 'akCertificate' && isChain(value)) return akCertificate(value)
    throw new PolicyError('"trust" must list { "pinnedAk": hex } or { "akCertificate": { … } }')
  })
}

function readHex(value: unknown, name: string): Uint8Array {
  const bytes = typeof value === 'string' ? fromHex(value) : undefined
  if (bytes === undefined) throw new PolicyError(`"${name}" must be hex`)
  return bytes
}

interface Chain {
  readonly leaf: string
  readonly intermediates: readonly string[]
  readonly roots: readonly string[]
  readonly issuer?: AkCertificateOptions['issuer']
}

function isChain(value: unknown): value is Chain {
  const members = ['leaf', 'intermediates', 'roots']
  return (
    (hasExactly(value, members) || hasExactly(value, [...members, 'issuer'])) &&
    typeof value['leaf'] === 'string' &&
    isTexts(value['intermediates']) &&
    isTexts(value['roots'])
  )
}

function isFirmware(value: unknown): value is { allowed: readonly string[] } {
  return hasExactly(value, ['allowed']) && isTexts(value['allowed'])
}

function isReferenceValues(value: unknown): value is NonNullable<PolicyFile['referenceValues']> {
  return (
    isRecord(value) &&
    Object.values(value).every(
      (bank) =>
        isRecord(bank) &&
        Object.values(bank).every((one) => typeof one === 'string' || isTexts(one)),
    )
  )
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
