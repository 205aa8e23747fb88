import type { Readable } from 'node:stream'
import type { JsonObject } from '../json/json-object.js'
import type { SseEvent } from './server/sse/read-events.js'

/** Body of a request to a model server. */
export interface RequestBody {
  readonly contentType: string
  /** Undefined for a body that is still arriving. */
  readonly byteLength: number | undefined
  /** Set for a body that is still arriving. */
  readonly upload?: Upload | undefined
  toBody(): Uint8Array | Readable
}

/** Body that is sent while it arrives. */
export interface Upload {
  readonly times: UploadTimes
  /**
   * Resolves when the body has ended: with true where it is whole. Rejects with the fault of the caller that
   * ended it. No answer counts before.
   */
  readonly sent: Promise<boolean>
}

/** Limits of a body that is sent while it arrives, in milliseconds. */
export interface UploadTimes {
  /** Longest time for all of it to arrive. */
  readonly totalMs: number
  /** Longest time for which the model server reads nothing of it. */
  readonly stallMs: number
}

/** Differences between the attempts at a request. */
export interface BodyChanges {
  /** Salt of the prompt cache of the caller, for servers that know `cache_salt`. */
  readonly cacheSalt: string | undefined
}

/** Request of one of the routes, for any model server. */
export interface RouteRequest {
  /** Path below the base URL: a literal, such as `/chat/completions`. */
  readonly path: string
  readonly model: string
  /** Value of `Accept`. */
  readonly accept: string
  /** Asks for an answer that comes in parts: it may take as long as it likes, if its parts keep coming. */
  readonly streamed: boolean
  /** Kinds of answers that are one. Default: events where the request is streamed, else JSON. */
  readonly answers?: readonly AnswerKind[] | undefined
  /** Members of which a JSON answer has one. Default: `choices`. */
  readonly answerMembers?: readonly string[] | undefined
  /** Creates the body for one attempt. */
  readonly body: (changes: BodyChanges) => RequestBody
  /** Tells whether another attempt can be made. Default: always. */
  readonly canRepeat?: (() => boolean) | undefined
}

/** Kind of an answer, by its media type. */
export type AnswerKind = 'json' | 'text' | 'events' | 'audio'

/** Content of an answer, as a whole or as it comes. */
export type RouteAnswerBody =
  | { readonly kind: 'json'; readonly object: JsonObject }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** Throws UpstreamError; of the kind `dropped` where the connection is lost. */
  | { readonly kind: 'events'; readonly events: AsyncIterable<SseEvent> }
  /** Throws UpstreamError, too. */
  | { readonly kind: 'stream'; readonly parts: AsyncIterable<Uint8Array> }

/** Answer of status 200 of a model server. */
export interface RouteAnswer {
  readonly contentType: string
  /** Configured name of the model server. */
  readonly upstream?: string | undefined
  readonly body: RouteAnswerBody
  /**
   * Ends the answer, and the work of the model server for it where it is not whole. Must be called, also for
   * a body that was read to its end; can be called repeatedly.
   */
  close(): void
}
