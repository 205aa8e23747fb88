import type { RequestHeader } from '@nomyo/crypto/wire-2'
import type { AdmittedRequest } from '../../completion/service-context.js'
import type { UploadTimes } from '../../upstreams/route.js'
import type { ResponseFacts } from '../answer/inner-response.js'
import type { StreamSource } from '../answer/stream/send-stream.js'

/** Request of wire 2 whose caller may use its route. */
export interface AuthorizedRequest extends AdmittedRequest {
  /** Path of the request, as it is written. */
  readonly path: string
  /** Type of the content, where it is named. */
  readonly contentType: string | undefined
  /** Key and suite that the client chose. */
  readonly suite: RequestHeader
  /** Returns the facts of a response that is created now. */
  readonly facts: () => ResponseFacts
  /**
   * Decrypts the rest of the request, and returns its content once the final chunk is authentic.
   *
   * @throws HttpError 400, 408, 413
   */
  readonly readContent: () => Promise<Uint8Array>
  /**
   * Decrypts the rest of a form. One that fits in the memory of a request is returned as {@link readContent} does.
   * Of a larger one, the content is returned as it arrives: authentic, and in its order, but complete only once
   * the generator has ended. It throws HttpError 400, 408, 413 otherwise.
   *
   * @throws HttpError 400, 408, 413
   */
  readonly readForm: () => Promise<Uint8Array | AsyncGenerator<Uint8Array, void, undefined>>
  /** Limits of a form in time. */
  readonly upload: UploadTimes
  /** Memory that is accounted for while a form arrives. */
  readonly heldBytes: number
  /**
   * Sends signs of life until the response.
   *
   * @param isStreamed - the response will be a stream; a refusal in its place is no fault
   */
  readonly keepAlive: (isStreamed?: boolean) => void
  /**
   * Answers with a stream, to its end. Never rejects: what fails from now on is told in the stream. What the
   * stream needs must exist until this resolves. The route returns no response then.
   */
  readonly stream: (contentType: string, source: StreamSource) => Promise<void>
}
