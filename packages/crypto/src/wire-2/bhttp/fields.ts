/** A header or trailer field: a lower-case name, and a value of Latin-1 characters. */
export type Field = readonly [name: string, value: string]

/** The control data and the header section of a request. */
export interface RequestHead {
  readonly method: string
  readonly scheme: string
  /** Host and port; may be empty. */
  readonly authority: string
  /** Path and query. */
  readonly path: string
  readonly fields: readonly Field[]
}

/** The status and the header section of a response. */
export interface ResponseHead {
  readonly status: number
  readonly fields: readonly Field[]
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
/** No control characters, and no white space at the ends (RFC 9113 section 8.2.1). */
const VALUE = /^(?![ \t])[\t\x20-\x7e\x80-\xff]*(?<![ \t])$/
/** Fields of a connection (RFC 9110 section 7.6.1): there is none. */
const OF_CONNECTION = /^(?:connection|keep-alive|proxy-connection|te|transfer-encoding|upgrade)$/

/** Returns whether a field may be part of a message. */
export function isField(field: unknown): field is Field {
  if (!areTexts(field) || field.length !== 2) return false
  const [name = '', value = ''] = field
  return NAME.test(name) && VALUE.test(value) && !OF_CONNECTION.test(name)
}

const areTexts = (values: unknown): values is readonly string[] =>
  Array.isArray(values) && values.every((value) => typeof value === 'string')

/** Returns whether the control data of a request is well-formed. */
export function isControlData({ method, scheme, authority, path }: RequestHead): boolean {
  return (
    areTexts([method, scheme, authority, path]) &&
    /^[A-Z]+$/.test(method) &&
    /^[a-z][a-z0-9+.-]*$/.test(scheme) &&
    /^[\x21-\x7e]*$/.test(authority) &&
    /^\/[\x21-\x7e]*$/.test(path)
  )
}

/** Characters of one call: the stack holds them. */
const PIECE = 4096

/** Decodes Latin-1: `TextDecoder` decodes windows-1252 by that name. */
export function fromLatin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += PIECE) {
    // A spread would take the bytes one by one.
    const piece = bytes.subarray(at, at + PIECE)
    text += Reflect.apply(String.fromCharCode, undefined, piece) as string
  }
  return text
}
