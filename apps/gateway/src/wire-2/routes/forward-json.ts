import type { WholeResponse } from '@nomyo/crypto/wire-2'
import { isRecord } from '../../json/json-object.js'
import type { RouteJson } from '../../completion/request/route-json.js'
import type { RouteRequest } from '../../upstreams/route.js'
import type { ExchangeContext } from '../exchange-context.js'
import type { AuthorizedRequest } from './authorized-request.js'
import { forwardRequest } from './forward-request.js'
import { readJsonRequest, type JsonRoute } from './json-routes.js'
import { withContent } from './with-content.js'

const JSON_TYPE = 'application/json'

/** Creates the answers of a route whose requests are JSON, and forwarded. */
export const forwardJson =
  (route: JsonRoute) =>
  (
    request: AuthorizedRequest,
    context: ExchangeContext,
  ): Promise<Required<WholeResponse> | undefined> =>
    withContent(request, async (plaintext) => {
      const { turns } = context
      const read = await readJsonRequest(route, plaintext, { limits: context.jsonLimits(), turns })
      const { members, errors, streamOptions } = route
      const options = streamOptions && optionsOf(read.request)
      return forwardRequest(
        {
          ...{ decrypted: read.request, members, errors, plaintextBytes: plaintext.length },
          streamed: read.streamed,
          includesUsage: options === undefined || options['include_usage'] === true,
          toRoute: (changes) => routeRequest(route, read, { ...route.sets, ...changes }),
        },
        request,
        context,
      )
    })

function routeRequest(
  { path, answers, answerMembers, alwaysStreams, neverStreams, streamOptions }: JsonRoute,
  { request, streamed }: { readonly request: RouteJson; readonly streamed: boolean },
  changes: Readonly<Record<string, unknown>>,
): RouteRequest {
  const hasStream = alwaysStreams !== true && neverStreams !== true
  return {
    ...{ path, model: request.model, streamed, answerMembers },
    answers: streamed && hasStream ? ['events'] : answers,
    accept: acceptOf(streamed, hasStream),
    body: ({ cacheSalt }) => {
      const body = request.rewrite({
        ...changes,
        // Some servers stream by default.
        ...(hasStream ? { stream: streamed } : {}),
        ...(streamed && streamOptions !== undefined
          ? { stream_options: { ...optionsOf(request), ...streamOptions } }
          : {}),
        // Members of the protocol between client and gateway.
        api_key: undefined,
        security_tier: undefined,
        // A salt that a caller chooses would reach the cache of others.
        cache_salt: cacheSalt,
      })
      const { byteLength } = body
      return { contentType: JSON_TYPE, byteLength, toBody: () => body.toBody() }
    },
  }
}

function acceptOf(streamed: boolean, hasStream: boolean): string {
  if (!streamed) return JSON_TYPE
  return hasStream ? 'text/event-stream' : '*/*'
}

function optionsOf(request: RouteJson): Readonly<Record<string, unknown>> {
  const options = request.member('stream_options')
  return isRecord(options) ? options : {}
}
