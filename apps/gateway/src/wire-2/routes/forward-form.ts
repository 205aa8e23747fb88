import type { WholeResponse } from '@nomyo/crypto/wire-2'
import {
  TRANSCRIPTIONS_ROUTE,
  TRANSLATIONS_ROUTE,
  type RouteMembers,
} from '../../access/policy/route-members.js'
import { readFormRequest } from '../../completion/request/form/form-request.js'
import type { ExchangeContext } from '../exchange-context.js'
import type { AuthorizedRequest } from './authorized-request.js'
import { forwardRequest } from './forward-request.js'
import { withContent } from './with-content.js'

/** Route whose requests are forms with a file of sound. */
export interface FormRoute {
  /** Path below the base URL of a model server. */
  readonly path: string
  readonly members: RouteMembers
}

export const TRANSCRIPTIONS: FormRoute = {
  path: '/audio/transcriptions',
  members: TRANSCRIPTIONS_ROUTE,
}

export const TRANSLATIONS: FormRoute = {
  path: '/audio/translations',
  members: TRANSLATIONS_ROUTE,
}

/** Creates the answers of a route whose requests are forms, and forwarded. */
export const forwardForm =
  ({ path, members }: FormRoute) =>
  (
    request: AuthorizedRequest,
    context: ExchangeContext,
  ): Promise<Required<WholeResponse> | undefined> =>
    withContent(request, async (plaintext) => {
      const { contentType = '' } = request
      const decrypted = await readFormRequest(plaintext, contentType, context.turns)
      const stream = decrypted.member('stream')
      const streamed = typeof stream === 'string' && stream.toLowerCase() === 'true'
      return forwardRequest(
        {
          ...{ decrypted, members, plaintextBytes: plaintext.length, streamed },
          toRoute: (changes) => ({
            ...{ path, model: decrypted.model, streamed },
            answers: streamed ? ['events'] : ['json', 'text'],
            answerMembers: ['text'],
            accept: streamed ? 'text/event-stream' : '*/*',
            body: ({ cacheSalt }) =>
              decrypted.rewrite({
                ...Object.fromEntries(
                  Object.entries(changes).map(([name, value]) => [name, String(value)]),
                ),
                stream: streamed ? 'true' : undefined,
                cache_salt: cacheSalt,
              }),
          }),
        },
        request,
        context,
      )
    })
