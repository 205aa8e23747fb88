import type { JsonBytes } from '../json/json-bytes.js'
import { UpstreamRefusal } from '../upstreams/server/upstream-refusal.js'
import { allowRequest, describeAnswer, forwardContextOf } from './authorize-request.js'
import { readChatRequest, type ChatRequest } from './chat-request.js'
import type { OpenedCompletion, ServiceContext } from './service-context.js'
import { responseModel, tokenUsage } from './token-usage.js'

/**
 * Answers a decrypted request: read it, authorize it, call the model server and the TPM. The same for
 * every wire.
 *
 * @returns the answer in plaintext, to be encrypted and disposed of
 * @throws HttpError whose text reveals nothing of the plaintext; ConfidentialRefusal with more for the caller
 */
export async function answerCompletion(
  request: OpenedCompletion,
  context: ServiceContext,
): Promise<JsonBytes> {
  const { plaintext } = request
  const { turns } = context
  const chatRequest = await readChatRequest(plaintext, { limits: context.jsonLimits(), turns })
  return completeChat(chatRequest, request, context)
}

/**
 * Answers a chat request as {@link answerCompletion} does, once it is read.
 *
 * @throws HttpError, ConfidentialRefusal
 */
export async function completeChat(
  chatRequest: ChatRequest,
  request: OpenedCompletion,
  context: ServiceContext,
): Promise<JsonBytes> {
  const { plaintext, settings, signal, observation } = request
  const named = request.namesTier === true ? chatRequest.securityTier() : undefined
  const allowed = await allowRequest(chatRequest, request, context, named)
  const { changes, tier } = allowed
  const { answer } = await observation
    .time('upstream', () =>
      settings.engine.complete(chatRequest, signal, {
        ...forwardContextOf(request, chatRequest, {
          tier,
          turns: context.turns,
          plaintextBytes: plaintext.length,
        }),
        changes,
      }),
    )
    .catch((error: unknown) => {
      if (error instanceof UpstreamRefusal) observation.upstreamStatus = error.inner.status
      throw error
    })
  observation.upstreamStatus = 200
  observation.responseModel = responseModel(answer)
  observation.usage = tokenUsage(answer)
  const host = await context.hostMeasurements.describe(answer)
  return answer.rewrite({
    _metadata: await describeAnswer(allowed, request, host, request.metadata),
  })
}
