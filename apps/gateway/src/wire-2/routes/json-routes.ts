import {
  COMPLETIONS_ROUTE,
  EMBEDDINGS_ROUTE,
  IMAGES_ROUTE,
  RERANK_ROUTE,
  RESPONSES_ROUTE,
  SPEECH_ROUTE,
  type RouteMembers,
} from '../../access/policy/route-members.js'
import { invalidMember, type JsonRequestOptions } from '../../completion/request/json-request.js'
import {
  readResponsesRequest,
  readRouteJson,
  type RouteJson,
} from '../../completion/request/route-json.js'
import type { AnswerKind } from '../../upstreams/route.js'
import type { ErrorShape } from '../answer/stream/encode-event.js'

/** Route whose requests are JSON, and forwarded. */
export interface JsonRoute {
  /** Path below the base URL of a model server. */
  readonly path: string
  readonly members: RouteMembers
  /** Members that may have addresses of media. */
  readonly addressesIn: readonly string[]
  /** Members of which a JSON answer has one. */
  readonly answerMembers: readonly string[]
  /** Kinds of whole answers. Default: JSON. */
  readonly answers?: readonly AnswerKind[]
  /** Answers come in parts in any case. Default: where the request has `stream`. */
  readonly alwaysStreams?: true
  /** Answers come as a whole in any case. */
  readonly neverStreams?: true
  /** Members to set in every request that is forwarded. */
  readonly sets?: Readonly<Record<string, unknown>>
  /** Members of `stream_options` that count tokens, whatever the caller asks for. Default: none. */
  readonly streamOptions?: Readonly<Record<string, unknown>>
  /** Shape of errors in streams. Default: that of chat completions. */
  readonly errors?: ErrorShape
  /** Reads a request. Default: {@link readRouteJson}. */
  readonly read?: typeof readRouteJson
}

export const COMPLETIONS: JsonRoute = {
  path: '/completions',
  members: COMPLETIONS_ROUTE,
  addressesIn: [],
  answerMembers: ['choices'],
  streamOptions: { include_usage: true },
}

export const EMBEDDINGS: JsonRoute = {
  path: '/embeddings',
  members: EMBEDDINGS_ROUTE,
  addressesIn: ['input', 'messages'],
  answerMembers: ['data'],
  neverStreams: true,
}

/** Without state: nothing of a request or an answer stays at the model server. */
export const RESPONSES: JsonRoute = {
  path: '/responses',
  members: RESPONSES_ROUTE,
  addressesIn: ['input', 'tools', 'prompt'],
  answerMembers: ['output'],
  sets: { store: false },
  errors: 'responses',
  read: readResponsesRequest,
}

export const RERANK: JsonRoute = {
  path: '/rerank',
  members: RERANK_ROUTE,
  addressesIn: ['query', 'documents'],
  answerMembers: ['results', 'data'],
  neverStreams: true,
}

export const IMAGES: JsonRoute = {
  path: '/images/generations',
  members: IMAGES_ROUTE,
  addressesIn: ['image', 'images', 'image_url', 'input_reference'],
  answerMembers: ['data'],
  neverStreams: true,
}

export const SPEECH: JsonRoute = {
  path: '/audio/speech',
  members: SPEECH_ROUTE,
  addressesIn: ['audio', 'ref_audio', 'reference_audio', 'voice'],
  // JSON is an error, whatever its status says.
  answers: ['audio', 'events', 'json'],
  answerMembers: [],
  alwaysStreams: true,
}

/**
 * Reads a request of a route.
 *
 * @returns the request, and true where its answer comes in parts
 * @throws HttpError 400, a ConfidentialRefusal where it depends on the content
 */
export async function readJsonRequest(
  { read = readRouteJson, addressesIn, alwaysStreams, neverStreams }: JsonRoute,
  plaintext: Uint8Array,
  options: JsonRequestOptions,
): Promise<{ request: RouteJson; streamed: boolean }> {
  const request = await read(plaintext, addressesIn, options)
  if (alwaysStreams === true) return { request, streamed: true }
  const streamed = request.has('stream') && request.member('stream') !== false
  if (streamed && neverStreams === true) {
    throw invalidMember('stream', 'stream is not available on this route')
  }
  return { request, streamed }
}
