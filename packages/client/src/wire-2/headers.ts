import { checkOuterHeaders } from '../config/headers.js'

type Headers = Readonly<Record<string, string>>

/** Headers for the model server: they are encrypted with the request. */
const SEALED: readonly string[] = ['openai-beta', 'accept-language']

/** Returns the headers of a caller that are encrypted, as fields in their order. */
export const sealedHeaders = (headers: Headers): (readonly [string, string | undefined])[] =>
  // White space at the ends is no part of a value.
  SEALED.map((name) => [name, headers[name]?.trim()])

/**
 * Returns the headers of a caller that travel outside of the encryption, such as access tokens of a CDN.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION` for credentials of the gateway
 */
export function outerHeaders(headers: Headers): Record<string, string> {
  checkOuterHeaders(headers)
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !SEALED.includes(name)))
}
