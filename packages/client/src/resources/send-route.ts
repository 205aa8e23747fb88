import { SecurityError } from '@nomyo/crypto/errors'
import { InvalidRequestError, startDeadline } from '@nomyo/transport'
import { checkSecurityTier } from '../completion/seal-request.js'
import { apiKey as checkApiKey, isObject, plainObject } from '../config/checks.js'
import type { RequestOptions } from '../config/options.js'
import { parseObject } from '../config/parse-object.js'
import { sendFetched } from '../fetch/fetch-sealed.js'
import { UploadForm } from '../fetch/form-content.js'
import { readInit, type FetchedRoute } from '../fetch/read-init.js'
import type { Session } from '../session.js'
import { EventStream } from './event-stream.js'
import { readEvents } from './read-events.js'

/** A request of a route. */
export interface RouteCall {
  readonly path: string
  /** Absent for a GET. */
  readonly body?: object
  readonly accept?: string
}

/** Sends a request and returns its response; the errors are those of `SecureChatCompletion.fetch`. */
export async function sendRoute(
  session: Session,
  call: RouteCall,
  options: RequestOptions,
): Promise<Response> {
  const { path, body, accept = 'application/json' } = call
  plainObject(options, 'options')
  if ('body' in call && !(body instanceof UploadForm)) {
    return sendFetched(session, { ...jsonRoute(path, body, accept), options })
  }
  const form = body instanceof UploadForm ? { method: 'POST', body } : {}
  const fetched = await readInit(path, { headers: { accept }, ...form })
  return sendFetched(session, { ...fetched, options })
}

/**
 * Sends a request and returns the JSON of its answer, whose shape is not checked.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID` for an answer that is no JSON object
 */
export async function sendForJson<Answer>(
  session: Session,
  call: RouteCall,
  options: RequestOptions,
): Promise<Answer> {
  const answer = parseObject(await textOf(await sendRoute(session, call, options)))
  if (answer === undefined) throw malformed()
  return answer as Answer
}

/**
 * Sends a request and returns the events of its answer.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID` for an answer that is no stream of events
 */
export async function sendForEvents<Item>(
  session: Session,
  call: RouteCall,
  options: RequestOptions,
): Promise<EventStream<Item>> {
  const controller = new AbortController()
  const { signal, ...others } = plainObject(options, 'options')
  const joined = startDeadline(undefined, [controller.signal, signal])
  try {
    const asked = { ...others, signal: joined.signal }
    const response = await sendRoute(session, { ...call, accept: 'text/event-stream' }, asked)
    const answer = { response, controller, call: joined }
    return new EventStream(readEvents<Item>(eventsIn(response), answer), controller)
  } catch (error) {
    joined.clear()
    throw error
  }
}

/** Returns the body of a stream of events: read as one, JSON would seem empty. */
function eventsIn({ headers, body }: Response): ReadableStream<Uint8Array> {
  if (headers.get('content-type')?.startsWith('text/event-stream') === true && body !== null) {
    return body
  }
  body?.cancel().catch(() => undefined)
  throw malformed()
}

/** Reads a body as text; fails with the error of the body itself, in every runtime. */
export async function textOf({ body }: Response): Promise<string> {
  const reader = body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const part = await reader?.read()
    if (part === undefined || part.done) return text + decoder.decode()
    text += decoder.decode(part.value, { stream: true })
  }
}

/** Builds the request of JSON, without the members that route it. */
function jsonRoute(path: string, body: unknown, accept: string): Omit<FetchedRoute, 'options'> {
  const {
    api_key: apiKey,
    security_tier: securityTier,
    base_url: _,
    ...members
  } = Object(body) as Record<string, unknown>
  return {
    members,
    request: {
      method: 'POST',
      path,
      accept,
      contentType: 'application/json',
      content: encode(body, members),
      apiKey: checkApiKey(apiKey, 'api_key'),
      securityTier: checkSecurityTier(securityTier),
    },
  }
}

function encode(body: unknown, members: object): Uint8Array {
  try {
    if (isObject(body)) return new TextEncoder().encode(JSON.stringify(members))
  } catch {
    // The engine's message may quote the values.
  }
  throw new InvalidRequestError(
    'ERR_INVALID_REQUEST',
    'Nothing was sent: the request must be an object that JSON can hold.',
  )
}

const malformed = (): SecurityError =>
  new SecurityError('ERR_PLAINTEXT_INVALID', 'The answer is malformed and was not used.')
