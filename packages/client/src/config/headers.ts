import { InvalidRequestError } from '@nomyo/transport'

/** What the protocol itself sets, and what would change how a message is framed. */
const RESERVED =
  /^(authorization|content-type|content-length|content-encoding|transfer-encoding|connection|keep-alive|proxy-connection|upgrade|te|trailer|host|expect|x-payload-id|x-public-key|x-security-tier|if-none-match)$/i

/**
 * Checks headers given by a caller: names and values that fit a header (RFC 9110 section 5), none of
 * those the protocol sets. Names become lower-case.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the header, not its value
 */
export function checkHeaders(headers: unknown, option: string): Readonly<Record<string, string>> {
  if (headers === undefined) return {}
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw invalid(`${option} must be an object of header names and values`)
  }
  const checked: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name))
      throw invalid(`${option} holds an invalid header name`)
    if (RESERVED.test(name)) throw invalid(`${option}: ${name} is set by the client itself`)
    if (typeof value !== 'string' || !/^[\t\x20-\x7e]*$/.test(value)) {
      throw invalid(`${option}: the value of ${name} must be printable ASCII`)
    }
    checked[name.toLowerCase()] = value
  }
  return Object.freeze(checked)
}

const invalid = (why: string): InvalidRequestError =>
  new InvalidRequestError('ERR_INVALID_OPTION', `${why}.`)
