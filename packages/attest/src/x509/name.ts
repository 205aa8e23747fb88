import { toHex } from '../bytes/hex.js'
import { DerReader, TAG } from './der.js'

/** Attribute of a Name (RFC 5280, section 4.1.2.4). */
export interface NameAttribute {
  /** Its type, as the hex of the OID. */
  readonly type: string
  /** Its value with tag and length, in DER. */
  readonly value: Uint8Array
}

const UTF8_STRING = 0x0c
const PRINTABLE_STRING = 0x13
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/

/** Reads the next Name: its relative names, each a set of attributes. */
export function readName(reader: DerReader): readonly (readonly NameAttribute[])[] {
  const name = reader.enter(TAG.sequence)
  const relatives: NameAttribute[][] = []
  while (!name.done) {
    const set = name.enter(TAG.set)
    const attributes: NameAttribute[] = []
    do {
      const attribute = set.enter(TAG.sequence)
      attributes.push({ type: attribute.oid(), value: attribute.whole() })
      attribute.close()
    } while (!set.done)
    relatives.push(attributes)
  }
  return relatives
}

/**
 * Reads the next Name in a form that is equal for equal names: CAs of AMD and STM write the same text as
 * PrintableString here and as UTF8String there. Text of these two types is compared without regard to
 * case (of ASCII letters), type and repeated blanks (RFC 5280, section 7.1); any other value as DER.
 *
 * @returns text for comparisons only; {@link EMPTY_NAME} for a Name without attributes
 */
export function comparableName(reader: DerReader): string {
  const relatives = readName(reader).map((attributes) =>
    attributes.map(({ type, value }) => `${type} ${comparableValue(value)}`).sort(),
  )
  return JSON.stringify(relatives)
}

/** Form of a Name without attributes. */
export const EMPTY_NAME = '[]'

function comparableValue(value: Uint8Array): string {
  const [tag] = value
  const reader = new DerReader(value)
  const text =
    tag === UTF8_STRING || tag === PRINTABLE_STRING ? decode(tag, reader.content(tag)) : undefined
  if (text === undefined) return toHex(value)
  const folded = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  // The quotation mark keeps text apart from hex.
  return `"${folded.replace(/ +/g, ' ').replace(/^ | $/g, '')}`
}

function decode(tag: number, content: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
    return tag === UTF8_STRING || PRINTABLE.test(text) ? text : undefined
  } catch {
    return undefined
  }
}
