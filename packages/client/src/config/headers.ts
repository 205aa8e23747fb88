import { invalidOption, plainObject, type Check } from './checks.js'

/** Headers that the protocol sets itself, and those that change the framing of a message. */
const RESERVED =
  /^(authorization|content-type|content-length|content-encoding|transfer-encoding|connection|keep-alive|proxy-connection|upgrade|te|trailer|host|expect|x-payload-id|x-public-key|x-security-tier|if-none-match)$/i

/**
 * Checks the headers of a caller: names and values that fit a header (RFC 9110 section 5), none that the
 * protocol sets. Names become lower-case. Errors name the header, not its value.
 */
export const headers: Check<Readonly<Record<string, string>>> = (given, option) => {
  const checked: Record<string, string> = {}
  for (const [name, value] of Object.entries(
    plainObject(given as object, option, ' of header names and values'),
  )) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
      throw invalidOption(option, 'holds an invalid header name')
    }
    if (RESERVED.test(name))
      throw invalidOption(option, `must not hold ${name}: the client sets it`)
    if (typeof value !== 'string' || !/^[\t\x20-\x7e]*$/.test(value)) {
      throw invalidOption(option, `holds a value of ${name} that is not printable ASCII`)
    }
    checked[name.toLowerCase()] = value
  }
  return Object.freeze(checked)
}

/** Names of headers that carry credentials of a gateway. */
const CREDENTIALS = /^(?:authorization|x-api-key|cookie)$/

/**
 * Checks headers that travel beside an encrypted request of wire 2, where API keys have no place.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`
 */
export function checkOuterHeaders(headers: Readonly<Record<string, string>>): void {
  const name = Object.keys(headers).find((candidate) => CREDENTIALS.test(candidate))
  if (name === undefined) return
  throw invalidOption(
    'headers',
    `must not hold ${name} on wire 2, which encrypts credentials: give the key as apiKey`,
  )
}
