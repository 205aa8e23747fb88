import type { WholeResponse } from '@nomyo/crypto/wire-2'
import type { RouteMembers } from '../../access/policy/route-members.js'
import {
  allowRequest,
  describeAnswer,
  forwardContextOf,
  type AllowedRequest,
  type DecryptedRequest,
} from '../../completion/authorize-request.js'
import { responseModel, tokenUsage } from '../../completion/token-usage.js'
import { HttpError } from '../../http-error.js'
import type { JsonObject } from '../../json/json-object.js'
import type { RouteAnswer, RouteRequest } from '../../upstreams/route.js'
import { UpstreamRefusal } from '../../upstreams/server/upstream-refusal.js'
import { jsonResponse } from '../answer/inner-response.js'
import { wireMetadata } from '../answer/wire-metadata.js'
import type { ExchangeContext } from '../exchange-context.js'
import type { AuthorizedRequest } from './authorized-request.js'

/** Decrypted request, and how it is forwarded. */
export interface ForwardedRequest {
  readonly decrypted: DecryptedRequest
  /** Members of its route. */
  readonly members: RouteMembers
  readonly plaintextBytes: number
  /**
   * Creates the request for a model server.
   *
   * @param changes - members to set
   */
  readonly toRoute: (changes: Readonly<Record<string, unknown>>) => RouteRequest
}

/**
 * Checks a request against key, tier and rules, forwards it, and answers with what the model server says.
 *
 * @throws HttpError, ConfidentialRefusal
 */
export async function forwardRequest(
  forwarded: ForwardedRequest,
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse>> {
  const { decrypted, members, plaintextBytes } = forwarded
  const { settings, signal, observation } = request
  const allowed = await allowRequest(decrypted, request, context, undefined, members)
  const { tier } = allowed
  const route = forwarded.toRoute(allowed.changes)
  const circumstances = forwardContextOf(request, decrypted, {
    ...{ tier, plaintextBytes, turns: context.turns },
  })
  const answer = await observation
    .time('upstream', () => settings.engine.forward(route, signal, circumstances))
    .catch((error: unknown) => {
      if (error instanceof UpstreamRefusal) observation.upstreamStatus = error.inner.status
      throw error
    })
  observation.upstreamStatus = 200
  try {
    return await respond(answer, { allowed, plaintextBytes }, request, context)
  } finally {
    answer.close()
  }
}

async function respond(
  { contentType, body }: RouteAnswer,
  facts: { readonly allowed: AllowedRequest; readonly plaintextBytes: number },
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse>> {
  switch (body.kind) {
    case 'json':
      return respondJson(body.object, facts, request, context)
    case 'bytes':
      // The memory of an answer was accounted for as it arrived.
      return jsonResponse(200, body.bytes, request.facts(), { type: contentType })
    case 'events':
    case 'stream':
      throw new HttpError(502, 'The inference backend gave an unusable answer')
  }
}

async function respondJson(
  object: JsonObject,
  {
    allowed,
    plaintextBytes,
  }: { readonly allowed: AllowedRequest; readonly plaintextBytes: number },
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse>> {
  const { observation, admission, facts } = request
  observation.responseModel = responseModel(object)
  observation.usage = tokenUsage(object)
  const host = await context.hostMeasurements.describe(object)
  const own = wireMetadata(request, context)
  const answer = object.rewrite({ _metadata: await describeAnswer(allowed, request, host, own) })
  try {
    admission.account({ plaintext: plaintextBytes, answer: answer.byteLength })
    return jsonResponse(200, answer.copy(), facts())
  } finally {
    answer.dispose()
  }
}
