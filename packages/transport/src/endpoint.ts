import { checkArgument } from './check-argument.js'
import { InvalidRequestError } from './errors.js'

/**
 * Checks and normalizes a base URL: `http:` or `https:`, a path prefix kept, trailing slashes dropped.
 * The caller decides on allowing `http:`.
 *
 * @param name - names the option in errors. Default `baseUrl`
 * @throws InvalidRequestError `ERR_INVALID_OPTION`
 *
 * @example
 * ```ts
 * import { parseBaseUrl } from '@nomyo/transport'
 *
 * console.log(parseBaseUrl('https://gateway.example/nomyo/').href) // https://gateway.example/nomyo
 * ```
 */
export function parseBaseUrl(text: string, name = 'baseUrl'): URL {
  const invalid = (how: string): InvalidRequestError =>
    new InvalidRequestError('ERR_INVALID_OPTION', `${name} ${how}.`)
  checkArgument(typeof name === 'string', 'name', 'a text')
  const url = isText(text) && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) throw invalid(`is not a URL; expected something like https://api.nomyo.ai`)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw invalid(`must start with https://, not ${url.protocol}//`)
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid('must not contain a user name or password; give the key as apiKey')
  }
  if (url.search !== '' || url.hash !== '') throw invalid('must not contain a query or a fragment')
  url.pathname = url.pathname.replace(/\/+$/, '')
  return url
}

/** Builds the URL of a path below a base URL. */
export function endpointUrl(baseUrl: URL, path: string): string {
  checkArgument('href' in Object(baseUrl), 'baseUrl', 'a URL of parseBaseUrl')
  const isPath = typeof path === 'string' && path.startsWith('/')
  checkArgument(isPath, 'path', 'a string that begins with a slash')
  return baseUrl.href.replace(/\/+$/, '') + path
}

/** Checks for a text; a URL object stands for its own. */
const isText = (value: unknown): boolean => typeof value === 'string' || value instanceof URL
