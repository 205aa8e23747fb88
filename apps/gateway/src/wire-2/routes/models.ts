import type { WholeResponse } from '@nomyo/crypto/wire-2'
import { ConfidentialRefusal, errorObject } from '../../confidential-refusal.js'
import type { ExchangeContext } from '../exchange-context.js'
import { jsonResponse } from '../answer/inner-response.js'
import type { AuthorizedRequest } from './authorized-request.js'

/** Path before the name of a model. */
export const MODEL_PREFIX = '/v1/models/'

/** Answers `GET /v1/models` with the models that the caller may use. */
export async function answerModels(
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse>> {
  return respond(request, { object: 'list', data: await listModels(request, context) })
}

/** Answers `GET /v1/models/{id}`. The path is compared with the names of the models, and never decoded. */
export async function answerModel(
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse>> {
  const given = request.path.slice(MODEL_PREFIX.length)
  const models = await listModels(request, context)
  const model = models.find(({ id }) => id === given || encoded(id) === given)
  if (model === undefined) throw noSuchModel()
  return respond(request, model)
}

async function listModels(
  { caller, settings, readContent, keepAlive }: AuthorizedRequest,
  { listedModels }: ExchangeContext,
) {
  // The request counts only as a whole; what it contains has no meaning.
  ;(await readContent()).fill(0)
  keepAlive()
  return listedModels.of(caller, settings)
}

const respond = ({ facts }: AuthorizedRequest, value: object): Required<WholeResponse> =>
  jsonResponse(200, new TextEncoder().encode(JSON.stringify(value)), facts())

/** Returns a name as clients write it into a path; half of a surrogate pair has no such form. */
const encoded = (id: string): string | undefined =>
  id.isWellFormed() ? encodeURIComponent(id) : undefined

const noSuchModel = (): ConfidentialRefusal => {
  const detail = 'There is no such model for this API key'
  const facts = { type: 'invalid_request_error', param: 'model', code: 'model_not_found' }
  return new ConfidentialRefusal(404, detail, errorObject(404, { message: detail, ...facts }))
}
