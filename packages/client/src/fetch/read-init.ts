import { InvalidRequestError } from '@nomyo/transport'
import { apiKey as checkApiKey, isObject } from '../config/checks.js'
import type { RequestOptions } from '../config/options.js'
import { checkSecurityTier } from '../completion/seal-request.js'
import type { RouteRequest } from '../wire-2/route-request.js'
import type { UploadForm } from './form-content.js'
import { readContent } from './read-content.js'
import type { UploadSource } from './upload-source.js'

/** Settings of one `fetch`: those of the platform's that apply here, and the limits of one request. */
export interface SecureFetchInit
  extends Pick<RequestInit, 'headers' | 'body'>, Pick<RequestOptions, 'timeout' | 'maxRetries'> {
  /** Default `GET`. */
  method?: string | undefined
  /** Aborts the request, and the body of its response. */
  signal?: AbortSignal | null | undefined
}

/** A call of `fetch`, checked. */
export interface FetchedRoute {
  readonly request: RouteRequest
  /** The content as JSON; undefined for any other. */
  readonly members: Record<string, unknown> | undefined
  /** In place of the content of the request. */
  readonly upload?: UploadSource | undefined
  readonly options: RequestOptions
}

const JSON_TYPE = /^application\/json *(?:;|$)/i
/** No query, and nothing that would have to be decoded to be compared. */
const PATH = /^\/[\w.~!$&'()*+,;=:@%/-]{1,4096}$/
/** `Headers` take them; encrypted fields have none. */
const CONTROL = /(?!\t)\p{Cc}/u
/** Headers for the model server, beside those of every request. */
export const SEALED_HEADERS: readonly string[] = ['openai-beta', 'accept-language']

/**
 * Reads the arguments of one `fetch`. `api_key`, `security_tier` and `base_url` leave JSON.
 *
 * @throws InvalidRequestError `ERR_INVALID_REQUEST`, `ERR_INVALID_OPTION`, `ERR_REQUEST_TOO_LARGE`
 */
export async function readInit(
  path: string,
  init: Omit<SecureFetchInit, 'body'> & { body?: SecureFetchInit['body'] | UploadForm },
): Promise<FetchedRoute> {
  if (typeof path !== 'string' || !PATH.test(path)) {
    throw invalid('the path must begin with a slash and have no query')
  }
  if (typeof init !== 'object' || (init as SecureFetchInit | null) === null) {
    throw invalid('the second argument must be an object')
  }
  const { method = 'GET', body = null, signal, timeout, maxRetries } = init
  if (typeof method !== 'string') throw invalid('method must be a string')
  const headers = readHeaders(init.headers)
  const isGet = method.toUpperCase() === 'GET'
  if (isGet && body !== null) throw invalid('GET has no body')
  const given = headers.get('content-type')
  const { content, upload, type } = await readContent(body, {
    // JSON is read, whatever it comes in.
    isWhole: JSON_TYPE.test(given ?? '') || isJsonBlob(body),
    length: lengthIn(headers),
    signal: signal ?? undefined,
  })
  const contentType = isGet ? undefined : (given ?? type)
  const isJson = contentType !== undefined && JSON_TYPE.test(contentType)
  const json = isJson ? split(content) : undefined
  const bearer = /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1]
  return {
    members: json?.members,
    upload,
    request: {
      method: method.toUpperCase(),
      path,
      accept: headers.get('accept') ?? '*/*',
      contentType,
      content: json?.content ?? content,
      apiKey: checkApiKey(json?.apiKey ?? bearer, 'apiKey'),
      securityTier: checkSecurityTier(json?.securityTier ?? headers.get('x-security-tier')),
    },
    options: {
      headers: Object.fromEntries(
        SEALED_HEADERS.flatMap((name) => {
          const value = headers.get(name)
          return value === null ? [] : [[name, value]]
        }),
      ),
      ...(signal === undefined || signal === null ? {} : { signal }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(maxRetries === undefined ? {} : { maxRetries }),
    },
  }
}

const isJsonBlob = (body: unknown): boolean => body instanceof Blob && JSON_TYPE.test(body.type)

/** Returns the length that a caller knows of a stream; `fetch` of the platform ignores it. */
function lengthIn(headers: Headers): number | undefined {
  const length = headers.get('content-length')
  return length !== null && /^\d{1,15}$/.test(length) ? Number(length) : undefined
}

interface SplitContent {
  readonly members: Record<string, unknown>
  readonly content: Uint8Array
  readonly apiKey: unknown
  readonly securityTier: unknown
}

/** Separates the routing members from JSON, which is sent as it came where it has none. */
function split(content: Uint8Array): SplitContent {
  const all = parse(content)
  const { api_key: apiKey, security_tier: securityTier, base_url: _, ...members } = all
  if (Object.keys(members).length === Object.keys(all).length) {
    return { members, content, apiKey, securityTier }
  }
  const rest = new TextEncoder().encode(JSON.stringify(members))
  content.fill(0)
  return { members, content: rest, apiKey, securityTier }
}

function parse(content: Uint8Array): Record<string, unknown> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(content)
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Not JSON: the same as JSON of another kind. The engine's message would quote it.
  }
  throw invalid('the body must be a JSON object')
}

function readHeaders(given: HeadersInit | undefined): Headers {
  const headers = parseHeaders(given)
  for (const name of ['accept', 'content-type', ...SEALED_HEADERS]) {
    if (CONTROL.test(headers.get(name) ?? '')) throw invalid(`${name} has a control character`)
  }
  return headers
}

function parseHeaders(headers: HeadersInit | undefined): Headers {
  try {
    return new Headers(headers)
  } catch {
    // The engine's message quotes the value, which may be a key.
    throw invalid('a header is not valid')
  }
}

const invalid = (why: string): InvalidRequestError =>
  new InvalidRequestError('ERR_INVALID_REQUEST', `Nothing was sent: ${why}.`)
