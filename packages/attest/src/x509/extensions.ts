import { toBigInt } from '../bytes/hex.js'
import { DerReader, TAG } from './der.js'
import { readName } from './name.js'

/** Extensions of a certificate, as far as they are checked here. */
export interface Extensions {
  /** basicConstraints: true when the key may sign certificates. */
  readonly isCa: boolean
  /** Number of CA certificates allowed between this one and the leaf. */
  readonly pathLength: number | undefined
  /** The first eight bits of keyUsage (see {@link KEY_USAGE}); undefined where the extension is absent. */
  readonly keyUsage: number | undefined
  /** extKeyUsage, each as the hex of its OID; undefined where the extension is absent. */
  readonly purposes: readonly string[] | undefined
  /** subjectAltName; undefined where the extension is absent. */
  readonly alternativeName: AlternativeName | undefined
  /** OIDs of all extensions, in hex. */
  readonly present: readonly string[]
}

/** Content of a subjectAltName. */
export interface AlternativeName {
  readonly critical: boolean
  /** True when a directoryName in it states the manufacturer, model and version of a TPM. */
  readonly namesTpm: boolean
}

/** Bits of keyUsage (RFC 5280, section 4.2.1.3) in its first byte. */
export const KEY_USAGE = {
  digitalSignature: 0x80,
  keyEncipherment: 0x20,
  keyAgreement: 0x08,
  keyCertSign: 0x04,
} as const

const [SUBJECT_ALT_NAME, BASIC_CONSTRAINTS] = ['551d11', '551d13']
const [KEY_USAGE_OID, EXT_KEY_USAGE] = ['551d0f', '551d25']
const [NAME_CONSTRAINTS, CERTIFICATE_POLICIES] = ['551d1e', '551d20']

/** tpmManufacturer, tpmModel, tpmVersion: 2.23.133.2.1 to 3 (TCG EK Credential Profile). */
const TPM_ATTRIBUTES = ['6781050201', '6781050202', '6781050203']
const DIRECTORY_NAME = 0xa4

/**
 * Reads the extensions of a certificate (RFC 5280, section 4.2). A critical one that is not
 * understood here is a restriction that would not be enforced: it is refused, like a repeated one.
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID`
 */
export function readExtensions(list: DerReader): Extensions {
  const seen = new Map<string, { readonly critical: boolean; readonly value: Uint8Array }>()
  do {
    const extension = list.enter(TAG.sequence)
    const oid = extension.oid()
    const critical = extension.flag()
    const value = extension.content(TAG.octetString)
    extension.close()
    if (seen.has(oid)) list.fail('has an extension twice')
    // Critical by RFC 5280; as a restriction it counts even where a CA states it otherwise.
    if (oid === NAME_CONSTRAINTS) list.fail('has name constraints, which are not enforced here')
    if (critical && !UNDERSTOOD.includes(oid)) list.fail('has a critical extension that is unknown')
    seen.set(oid, { critical, value })
  } while (!list.done)

  const read = <T>(oid: string, readValue: (reader: DerReader) => T): T | undefined => {
    const extension = seen.get(oid)
    if (extension === undefined) return undefined
    const reader = new DerReader(extension.value)
    const result = readValue(reader)
    reader.close()
    return result
  }
  const { isCa = false, pathLength } = read(BASIC_CONSTRAINTS, readBasicConstraints) ?? {}
  read(CERTIFICATE_POLICIES, checkPolicies)
  const namesTpm = read(SUBJECT_ALT_NAME, readAlternativeName)
  const critical = seen.get(SUBJECT_ALT_NAME)?.critical === true
  return {
    isCa,
    pathLength,
    keyUsage: read(KEY_USAGE_OID, readKeyUsage),
    purposes: read(EXT_KEY_USAGE, readPurposes),
    alternativeName: namesTpm === undefined ? undefined : { critical, namesTpm },
    present: [...seen.keys()],
  }
}

const UNDERSTOOD: readonly string[] = [
  BASIC_CONSTRAINTS,
  KEY_USAGE_OID,
  EXT_KEY_USAGE,
  SUBJECT_ALT_NAME,
  CERTIFICATE_POLICIES,
]

function readBasicConstraints(reader: DerReader): {
  readonly isCa: boolean
  readonly pathLength: number | undefined
} {
  const constraints = reader.enter(TAG.sequence)
  const isCa = constraints.flag()
  const length = isCa && constraints.nextIs(TAG.integer) ? constraints.unsigned() : undefined
  constraints.close()
  return { isCa, pathLength: length === undefined ? undefined : Number(toBigInt(length)) }
}

function readKeyUsage(reader: DerReader): number {
  const [unused = 8, first = 0, ...more] = reader.content(TAG.bitString)
  const last = more.at(-1) ?? first
  if (unused > 7 || more.length > 1 || (last & ((1 << unused) - 1)) !== 0) {
    reader.fail('has a keyUsage that is no list of bits')
  }
  return first
}

function readPurposes(reader: DerReader): string[] {
  const list = reader.enter(TAG.sequence)
  const purposes: string[] = []
  do purposes.push(list.oid())
  while (!list.done)
  return purposes
}

/**
 * Checks the form of certificatePolicies. Every policy is acceptable here (RFC 5280, section 6.1.1: the
 * initial policy set is any-policy), so that the extension restricts nothing. What would make it a
 * restriction, policyConstraints and inhibitAnyPolicy, is refused where it is critical.
 */
function checkPolicies(reader: DerReader): void {
  const list = reader.enter(TAG.sequence)
  const policies = new Set<string>()
  do {
    const policy = list.enter(TAG.sequence)
    const oid = policy.oid()
    if (policies.has(oid)) list.fail('has a policy twice')
    policies.add(oid)
    if (!policy.done) policy.whole(TAG.sequence)
    policy.close()
  } while (!list.done)
}

/** Searches GeneralNames for a directoryName with the three attributes of a TPM. */
function readAlternativeName(reader: DerReader): boolean {
  const names = reader.enter(TAG.sequence)
  let found = false
  do {
    if (names.nextIs(DIRECTORY_NAME)) {
      const explicit = names.enter(DIRECTORY_NAME)
      const types = readName(explicit).flatMap((attributes) => attributes.map(({ type }) => type))
      explicit.close()
      found ||= TPM_ATTRIBUTES.every((oid) => types.includes(oid))
    } else names.whole()
  } while (!names.done)
  return found
}
