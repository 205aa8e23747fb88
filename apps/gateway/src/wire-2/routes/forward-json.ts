import type { WholeResponse } from '@nomyo/crypto/wire-2'
import type { ExchangeContext } from '../exchange-context.js'
import type { AuthorizedRequest } from './authorized-request.js'
import { forwardRequest } from './forward-request.js'
import { readJsonRequest, type JsonRoute } from './json-routes.js'
import { withContent } from './with-content.js'

const JSON_TYPE = 'application/json'

/** Creates the answers of a route whose requests are JSON, and forwarded. */
export const forwardJson =
  (route: JsonRoute) =>
  (request: AuthorizedRequest, context: ExchangeContext): Promise<Required<WholeResponse>> =>
    withContent(request, async (plaintext) => {
      const { turns } = context
      const read = await readJsonRequest(route, plaintext, { limits: context.jsonLimits(), turns })
      const { request: decrypted, streamed } = read
      const { path, members, answers, answerMembers, sets, alwaysStreams, neverStreams } = route
      const hasStream = alwaysStreams !== true && neverStreams !== true
      return forwardRequest(
        {
          ...{ decrypted, members, plaintextBytes: plaintext.length },
          toRoute: (changes) => ({
            ...{ path, model: decrypted.model, streamed, answerMembers },
            answers: streamed && alwaysStreams !== true ? ['events'] : (answers ?? ['json']),
            accept: streamed ? '*/*' : JSON_TYPE,
            body: ({ cacheSalt }) => {
              const body = decrypted.rewrite({
                ...changes,
                ...sets,
                // Some servers stream by default.
                ...(hasStream ? { stream: streamed } : {}),
                // Members of the protocol between client and gateway.
                api_key: undefined,
                security_tier: undefined,
                // A salt that a caller chooses would reach the cache of others.
                cache_salt: cacheSalt,
              })
              const { byteLength } = body
              return { contentType: JSON_TYPE, byteLength, toBody: () => body.toBody() }
            },
          }),
        },
        request,
        context,
      )
    })
