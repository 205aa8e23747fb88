import type { JsonObject } from '../../json/json-object.js'
import type { JsonListener } from '../../json/json-scanner.js'
import { AddressChecks } from './address-checks.js'
import {
  JsonRequest,
  invalidMember,
  readMembers,
  type JsonRequestFacts,
  type JsonRequestOptions,
} from './json-request.js'
import { ResponsesChecks } from './responses-checks.js'

/** Less than by default: these listeners compare many names, of which each may be escaped. */
const PIECE_BYTES = 64 * 1024

/** Decrypted request of a route other than chat completions. */
export class RouteJson extends JsonRequest {
  /** Name of a member that names models beside `model`. */
  readonly furtherModels: string | undefined

  constructor(object: JsonObject, facts: JsonRequestFacts & Pick<RouteJson, 'furtherModels'>) {
    super(object, facts)
    this.furtherModels = facts.furtherModels
  }

  /** Checks for a member with a value other than null. */
  has(name: string): boolean {
    return (this.typeOf(name) ?? 'null') !== 'null'
  }
}

/**
 * Reads a request of a route with JSON.
 *
 * @param plaintext - kept, not copied
 * @param addressesIn - members that may have addresses of media
 * @throws HttpError 400, a ConfidentialRefusal where it depends on the content
 */
export async function readRouteJson(
  plaintext: Uint8Array,
  addressesIn: readonly string[],
  options: JsonRequestOptions,
): Promise<RouteJson> {
  const listener = new AddressChecks(plaintext, addressesIn)
  const { object, model } = await readMembers(plaintext, {
    ...options,
    listener,
    pieceBytes: PIECE_BYTES,
  })
  const { hasRemoteMedia } = listener
  return new RouteJson(object, { model, hasRemoteMedia, furtherModels: undefined })
}

/** Members of `/v1/responses` by which a model server would keep what it was sent, or use what it has kept. */
const STATE = ['previous_response_id', 'conversation']

/**
 * Reads a request for `/v1/responses`, and refuses one that needs state of the model server.
 *
 * @param plaintext - kept, not copied
 * @throws HttpError 400, a ConfidentialRefusal where it depends on the content
 */
export async function readResponsesRequest(
  plaintext: Uint8Array,
  addressesIn: readonly string[],
  options: JsonRequestOptions,
): Promise<RouteJson> {
  const addresses = new AddressChecks(plaintext, addressesIn)
  const checks = new ResponsesChecks(plaintext)
  const listener = both(addresses, checks)
  const { object, model } = await readMembers(plaintext, {
    ...options,
    listener,
    pieceBytes: PIECE_BYTES,
  })
  const request = new RouteJson(object, {
    model,
    hasRemoteMedia: addresses.hasRemoteMedia,
    furtherModels: checks.toolsNameModels ? 'tools' : undefined,
  })
  const state = STATE.find((name) => request.has(name))
  if (state !== undefined) throw notKept(state)
  if (request.has('background') && request.member('background') !== false) {
    throw invalidMember('background', 'background is not available: responses are not stored')
  }
  if (checks.hasReferences) throw notKept('input')
  return request
}

const notKept = (name: string) =>
  invalidMember(
    name,
    `${name} refers to a stored response, and none is stored (store: false): send the items themselves`,
  )

/** Passes every value on to two listeners. */
const both = (one: JsonListener, other: JsonListener): JsonListener => ({
  depth: Math.max(one.depth, other.depth),
  begin: (level, ...facts) => {
    if (level <= one.depth) one.begin(level, ...facts)
    if (level <= other.depth) other.begin(level, ...facts)
  },
  end: (level, at) => {
    if (level <= one.depth) one.end(level, at)
    if (level <= other.depth) other.end(level, at)
  },
})
