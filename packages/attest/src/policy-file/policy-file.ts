import type { PolicyDocument } from '../attestation-policy.js'
import { fromHex, toHex } from '../bytes/hex.js'
import { PolicyError } from '../errors.js'
import { isRecord, parseJsonObject } from '../json-object.js'
import { checkPolicy, type AppraisalPolicy } from '../policy.js'
import type { TrustAnchor } from '../trust/anchor.js'
import { pinnedAk } from '../trust/pinned-ak.js'
import { akCertificate } from '../x509/index.js'

/** The part of a policy that is the same for every quote: what a file can hold. */
export interface PolicyFile extends Pick<
  AppraisalPolicy,
  'requiredPcrs' | 'referenceValues' | 'trust' | 'qualifiedSigner' | 'firmware'
> {
  /** The file itself, as JSON, for receipts. */
  readonly document: PolicyDocument
}

/** Says what kind of file it is, and in which form. */
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
 * Reads a policy from the JSON of a file:
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
 * `trust` may be `"none"`; `comment` holds anything; `qualifiedSigner` is hex, `firmware` as in
 * `AppraisalPolicy`. Other members are refused: a misspelt one would loosen the policy unseen.
 *
 * @throws PolicyError `ERR_POLICY_INVALID`
 */
export function parsePolicyFile(text: string): PolicyFile {
  const file = parseObject(text)
  const unknown = Object.keys(file).find((name) => !MEMBERS.includes(name))
  if (unknown !== undefined) throw new PolicyError(`the policy has an unknown member "${unknown}"`)
  if (file['format'] !== FORMAT) throw new PolicyError(`"format" of a policy must be "${FORMAT}"`)

  const { requiredPcrs, referenceValues, firmware, qualifiedSigner } = file
  if (typeof requiredPcrs !== 'string') throw new PolicyError('"requiredPcrs" must be a text')
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

/** Writes a policy that pins attestation keys by their Names, in hex; {@link parsePolicyFile} reads it. */
export function formatPolicyFile(policy: {
  readonly comment?: string
  readonly requiredPcrs: string
  readonly referenceValues?: AppraisalPolicy['referenceValues']
  readonly pinnedAkNames: readonly string[]
}): string {
  const { comment, requiredPcrs, referenceValues, pinnedAkNames } = policy
  const trust = pinnedAkNames.map((name) => ({ pinnedAk: toHex(readHex(name, 'pinnedAk')) }))
  const file = { format: FORMAT, comment, requiredPcrs, referenceValues, trust }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

function parseObject(text: string): Record<string, unknown> {
  if (text.length > MAX_CHARACTERS) throw new PolicyError('the policy is larger than 1 MiB')
  const object = parseJsonObject(text)
  if (object === undefined) throw new PolicyError('the policy is not a JSON object')
  return object
}

function readTrust(trust: unknown): readonly TrustAnchor[] | 'none' {
  if (trust === 'none') return trust
  if (!Array.isArray(trust) || trust.length === 0) {
    throw new PolicyError('"trust" must list who vouches for the machine, or be "none"')
  }
  return trust.map((anchor: unknown) => {
    const [kind, value] = isRecord(anchor) ? (Object.entries(anchor)[0] ?? []) : []
    const single = isRecord(anchor) && Object.keys(anchor).length === 1
    if (single && kind === 'pinnedAk') return pinnedAk(readHex(value, 'pinnedAk'))
    if (single && kind === 'akCertificate' && isChain(value)) return akCertificate(value)
    throw new PolicyError('"trust" lists { "pinnedAk": hex } or { "akCertificate": { … } }')
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
}

function isChain(value: unknown): value is Chain {
  return (
    isRecord(value) &&
    Object.keys(value).length === 3 &&
    typeof value['leaf'] === 'string' &&
    isTexts(value['intermediates']) &&
    isTexts(value['roots'])
  )
}

function isFirmware(value: unknown): value is { allowed: readonly string[] } {
  return isRecord(value) && Object.keys(value).length === 1 && isTexts(value['allowed'])
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
