import type { WholeResponse } from '@nomyo/crypto/wire-2'
import { answerCompletion } from '../../completion/answer-completion.js'
import { HttpError } from '../../http-error.js'
import { freeBytes } from '../../json/free-bytes.js'
import type { JsonBytes } from '../../json/json-bytes.js'
import type { ExchangeContext } from '../exchange-context.js'
import { jsonResponse } from '../answer/inner-response.js'
import type { AuthorizedRequest } from './authorized-request.js'

const KEM_NAMES: Readonly<Record<number, string>> = { 0x20: 'X25519', 0x647a: 'MLKEM768-X25519' }
const AEAD_NAMES: Readonly<Record<number, string>> = { 1: 'AES-128-GCM', 2: 'AES-256-GCM' }

/** Answers `POST /v1/chat/completions` as a whole. */
export async function answerChatCompletion(
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse>> {
  const { admission, facts } = request
  const plaintext = await request.readContent()
  try {
    admission.account({ plaintext: plaintext.length })
    request.keepAlive()
    const answer = await answerCompletion(
      { ...request, plaintext, metadata: metadataOf(request, context) },
      context,
    ).catch(restateMalformed)
    try {
      admission.account({ plaintext: plaintext.length, answer: answer.byteLength })
      return jsonResponse(200, bytesOf(answer), facts())
    } finally {
      answer.dispose()
    }
  } finally {
    plaintext.fill(0)
    freeBytes(plaintext)
  }
}

/** Names the fault of a request that is no JSON: here it cannot be a wrong key. */
function restateMalformed(error: unknown): never {
  const isMalformed = error instanceof HttpError && error.code === 'undecryptable'
  throw isMalformed ? new HttpError(400, 'The request is not a JSON object') : error
}

/** Members of the metadata that describe the encryption. */
function metadataOf(
  { suite, facts }: AuthorizedRequest,
  { requestKeys }: ExchangeContext,
): Record<string, unknown> {
  return {
    is_encrypted: true,
    encryption_algorithm: `OHTTP ${KEM_NAMES[suite.kemId]} HKDF-SHA256 ${AEAD_NAMES[suite.aeadId]}`,
    processed_at: Math.floor(facts().nowMs / 1000),
    wire: { version: 2, statement_sha256: requestKeys.published()?.sha256 },
  }
}

/** Copies an answer. */
function bytesOf(answer: JsonBytes): Uint8Array {
  const content = Buffer.allocUnsafeSlow(answer.byteLength)
  let at = 0
  for (const span of answer.spans) {
    content.set(span, at)
    at += span.length
  }
  return content
}
