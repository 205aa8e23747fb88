import { InvalidRequestError } from '@nomyo/client'

/**
 * Refuses JSON that brings a key for the gateway: the proxy has that key, and a caller must not replace it.
 * Anything that is no JSON object is left to the client, which describes what is wrong.
 *
 * @throws InvalidRequestError `ERR_INVALID_REQUEST`
 */
export function refuseOwnKey(body: Uint8Array | null): void {
  if (body === null) return
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  // Names can be written with escapes; any other body need not be parsed twice.
  if (!bytes.includes('"api_key"') && !bytes.includes(String.raw`\u`)) return
  // As the client decodes it: a byte order mark is no part of JSON.
  if (hasOwnKey(new TextDecoder().decode(bytes))) throw ownKey()
}

/** Creates the refusal of a request with a key for the gateway. */
export const ownKey = (): InvalidRequestError =>
  new InvalidRequestError(
    'ERR_INVALID_REQUEST',
    'Nothing was sent: requests cannot set api_key; the proxy has the key for the gateway.',
  )

function hasOwnKey(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && Object.hasOwn(value, 'api_key')
  } catch {
    return false
  }
}
