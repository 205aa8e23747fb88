import { HttpError } from '../../http-error.js'
import { freeBytes } from '../../json/free-bytes.js'
import type { AuthorizedRequest } from './authorized-request.js'

/**
 * Answers a request once its content is decrypted and authentic. The content is overwritten after that.
 *
 * @throws HttpError, and what `answer` throws
 */
export async function withContent<Answer>(
  { admission, readContent, keepAlive }: AuthorizedRequest,
  answer: (plaintext: Uint8Array) => Promise<Answer>,
): Promise<Answer> {
  const plaintext = await readContent()
  try {
    admission.account({ plaintext: plaintext.length })
    keepAlive()
    return await answer(plaintext).catch(restateMalformed)
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
