import type { WholeResponse } from '@nomyo/crypto/wire-2'
import {
  TRANSCRIPTIONS_ROUTE,
  TRANSLATIONS_ROUTE,
  type RouteMembers,
} from '../../access/policy/route-members.js'
import {
  readArrivingRequest,
  readFormRequest,
  type FormRequest,
} from '../../completion/request/form/form-request.js'
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

/** Creates the answers of a route whose requests are forms, and forwarded: large ones while they arrive. */
export const forwardForm =
  (route: FormRoute) =>
  async (
    request: AuthorizedRequest,
    context: ExchangeContext,
  ): Promise<Required<WholeResponse> | undefined> => {
    const { contentType = '', heldBytes, upload } = request
    const { turns } = context
    const content = await request.readForm()
    if (content instanceof Uint8Array) {
      const held = { ...request, readContent: () => Promise.resolve(content) }
      return withContent(held, async (plaintext) => {
        const decrypted = await readFormRequest(plaintext, contentType, turns)
        return forward(route, decrypted, { plaintextBytes: plaintext.length }, request, context)
      })
    }
    try {
      const settings = { contentType, turns, times: upload }
      const arriving = await readArrivingRequest(content, settings)
      const canRepeat = (): boolean => !arriving.hasBegun()
      // An answer does not begin before the request has ended: not every client reads while it sends.
      const quiet = { ...request, keepAlive: () => undefined }
      const facts = { plaintextBytes: heldBytes, canRepeat, onSent: request.keepAlive }
      return await forward(route, arriving.request, facts, quiet, context)
    } finally {
      // Not awaited: where a part is being waited for, that ends with the exchange.
      content.return().catch(() => undefined)
    }
  }

interface FormFacts {
  readonly plaintextBytes: number
  /** Default: always. */
  readonly canRepeat?: () => boolean
  /** Called once a body that arrived meanwhile is sent. */
  readonly onSent?: AuthorizedRequest['keepAlive']
}

function forward(
  { path, members }: FormRoute,
  decrypted: FormRequest,
  { plaintextBytes, canRepeat, onSent }: FormFacts,
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse> | undefined> {
  const stream = decrypted.member('stream')
  const streamed = typeof stream === 'string' && stream.toLowerCase() === 'true'
  return forwardRequest(
    {
      ...{ decrypted, members, plaintextBytes, streamed },
      toRoute: (changes) => ({
        ...{ path, model: decrypted.model, streamed, canRepeat },
        answers: streamed ? ['events'] : ['json', 'text'],
        answerMembers: ['text'],
        accept: streamed ? 'text/event-stream' : '*/*',
        body: ({ cacheSalt }) => {
          const body = decrypted.rewrite({
            ...Object.fromEntries(
              Object.entries(changes).map(([name, value]) => [name, String(value)]),
            ),
            stream: streamed ? 'true' : undefined,
            cache_salt: cacheSalt,
          })
          body.upload?.sent.then(
            (isWhole) => {
              if (isWhole) onSent?.(streamed)
            },
            () => undefined,
          )
          return body
        },
      }),
    },
    request,
    context,
  )
}
