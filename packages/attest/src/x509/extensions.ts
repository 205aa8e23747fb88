import { toBigInt } from '../bytes/hex.js'
import { DerReader, TAG } from './der.js'

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
    const critical = extension.nextIs(TAG.boolean) && extension.true()
    const value = extension.content(TAG.octetString)
    extension.close()
    if (seen.has(oid)) list.fail('has an extension twice')
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
  const namesTpm = read(SUBJECT_ALT_NAME, readAlternativeName)
  const critical = seen.get(SUBJECT_ALT_NAME)?.critical === true
  return {
    isCa,
    pathLength,
    keyUsage: read(KEY_USAGE_OID, readKeyUsage),
    purposes: read(EXT_KEY_USAGE, readPurposes),
    alternativeName: namesTpm === undefined ? undefined : { critical, namesTpm },
  }
}

const UNDERSTOOD: readonly string[] = [
  BASIC_CONSTRAINTS,
  KEY_USAGE_OID,
  EXT_KEY_USAGE,
  SUBJECT_ALT_NAME,
]

function readBasicConstraints(reader: DerReader): {
  readonly isCa: boolean
  readonly pathLength: number | undefined
} {
  const constraints = reader.enter(TAG.sequence)
  const isCa = constraints.nextIs(TAG.boolean) && constraints.true()
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

/** Searches GeneralNames for a directoryName with the three attributes of a TPM. */
function readAlternativeName(reader: DerReader): boolean {
  const names = reader.enter(TAG.sequence)
  let found = false
  do {
    if (names.nextIs(DIRECTORY_NAME)) {
      const attributes = readDirectoryName(names.enter(DIRECTORY_NAME))
      found ||= TPM_ATTRIBUTES.every((oid) => attributes.includes(oid))
    } else names.whole()
  } while (!names.done)
  return found
}

/** Reads the attribute types of a Name. */
function readDirectoryName(reader: DerReader): string[] {
  const types: string[] = []
  const name = reader.enter(TAG.sequence)
  reader.close()
  while (!name.done) {
    const relative = name.enter(TAG.set)
    do {
      const attribute = relative.enter(TAG.sequence)
      types.push(attribute.oid())
      attribute.whole()
      attribute.close()
    } while (!relative.done)
  }
  return types
}
