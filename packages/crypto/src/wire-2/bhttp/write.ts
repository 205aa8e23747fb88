import type { Bytes } from '../../bytes/bytes.js'
import { requireArgument, requireBytes, requireInteger, requireOptions } from '../../arguments.js'
import { join } from '../hpke/hkdf.js'
import { ascii } from '../labels.js'
import { paddedLength } from '../padding.js'
import { varintLength, writeVarint } from '../varint.js'
import {
  type Field,
  type RequestHead,
  type ResponseHead,
  isControlData,
  isField,
} from './fields.js'

/** A whole request. */
export interface WholeRequest extends RequestHead {
  readonly content?: Uint8Array
}

/** A whole response. */
export interface WholeResponse extends ResponseHead {
  readonly content?: Uint8Array
}

/** Writes a whole response, after any number of interim ones. */
export interface WholeResponseWriter {
  /** Writes a response with a status from 100 to 199. @throws SecurityError `ERR_ARGUMENT_INVALID` */
  readonly interim: (head: ResponseHead) => Bytes
  /** Writes the response, padded. @throws SecurityError `ERR_ARGUMENT_INVALID` */
  readonly final: (response: WholeResponse) => Bytes
  /** The same in several buffers: large content is not copied. @throws SecurityError `ERR_ARGUMENT_INVALID` */
  readonly finalParts: (response: WholeResponse) => Uint8Array[]
}

/** Writes a response whose content comes in parts. */
export interface StreamedResponseWriter {
  /** Writes a response with a status from 100 to 199. @throws SecurityError `ERR_ARGUMENT_INVALID` */
  readonly interim: (head: ResponseHead) => Bytes
  /** Writes status and fields. @throws SecurityError `ERR_ARGUMENT_INVALID` */
  readonly head: (head: ResponseHead) => Bytes
  /** Writes a part of the content. */
  readonly content: (part: Uint8Array) => Bytes
  /** Ends content and message. */
  readonly end: () => Bytes
}

/** Writes a request whose content comes in parts. */
export interface StreamedRequestWriter {
  /** Control data and fields. */
  readonly head: Bytes
  /** Length of the whole message with its padding, where that of the content is known. */
  readonly length: number | undefined
  /**
   * Frames a part of the content, which is not copied.
   *
   * @throws SecurityError `ERR_ARGUMENT_INVALID` for more content than was announced
   */
  readonly content: (part: Uint8Array) => Uint8Array[]
  /**
   * Ends the message with its padding.
   *
   * @throws SecurityError `ERR_ARGUMENT_INVALID` for less content than was announced
   */
  readonly end: () => Bytes
}

/** The framing indicators (RFC 9292 section 3.3). */
export const FRAMING = {
  knownRequest: 0,
  knownResponse: 1,
  indeterminateRequest: 2,
  indeterminateResponse: 3,
} as const

/**
 * Encodes a whole request as Binary HTTP (RFC 9292), and hides its length with zeros behind it: Padmé, at
 * least 512 bytes.
 *
 * @throws SecurityError `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { encodeRequest } from '@nomyo/crypto/wire-2'
 *
 * const message = encodeRequest({
 *   method: 'POST',
 *   scheme: 'https',
 *   authority: 'gateway.example',
 *   path: '/v1/chat/completions',
 *   fields: [['content-type', 'application/json']],
 *   content: new TextEncoder().encode('{}'),
 * })
 * ```
 */
export function encodeRequest(request: WholeRequest): Bytes {
  return join(...encodeRequestParts(request))
}

/**
 * Encodes a request as {@link encodeRequest} does, in several buffers: large content is not copied.
 *
 * @throws SecurityError `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { encodeRequestParts, sealRequest, type WholeRequest } from '@nomyo/crypto/wire-2'
 *
 * export const seal = (
 *   kem: Parameters<typeof sealRequest>[0],
 *   config: Parameters<typeof sealRequest>[1],
 *   request: WholeRequest,
 * ) => sealRequest(kem, config, encodeRequestParts(request))
 * ```
 */
export function encodeRequestParts(request: WholeRequest): Uint8Array[] {
  requireOptions(request, 'request')
  requireArgument(isControlData(request), 'the request must be valid')
  const { method, scheme, authority, path, fields, content } = request
  return padded(
    [
      varint(FRAMING.knownRequest),
      ...[method, scheme, authority, path].map((text) => prefixed(ascii(text))),
      prefixed(fieldLines(fields)),
    ],
    content,
    paddedLength,
  )
}

/**
 * Begins a request whose content comes in parts, and whose length is hidden as {@link encodeRequest} does.
 *
 * @param contentLength - undefined where it is unknown until the end
 * @throws SecurityError `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { createStreamedRequest } from '@nomyo/crypto/wire-2'
 *
 * const request = createStreamedRequest({
 *   method: 'POST',
 *   scheme: 'https',
 *   authority: 'gateway.example',
 *   path: '/v1/audio/transcriptions',
 *   fields: [['content-type', 'multipart/form-data; boundary=b']],
 * })
 * const parts = [request.head, ...request.content(new Uint8Array(1000)), request.end()]
 * ```
 */
export function createStreamedRequest(
  head: RequestHead,
  contentLength?: number,
): StreamedRequestWriter {
  requireOptions(head, 'head')
  requireArgument(isControlData(head), 'the request must be valid')
  if (contentLength !== undefined) requireInteger(contentLength, 'contentLength')
  const isKnown = contentLength !== undefined
  const { method, scheme, authority, path, fields } = head
  const lines = fieldLines(fields)
  const before = join(
    varint(isKnown ? FRAMING.knownRequest : FRAMING.indeterminateRequest),
    ...[method, scheme, authority, path].map((text) => prefixed(ascii(text))),
    ...(isKnown ? [prefixed(lines), varint(contentLength)] : [lines, varint(0)]),
  )
  let written = before.length
  let left = contentLength ?? Infinity
  return {
    head: before,
    length: isKnown ? paddedLength(before.length + contentLength + 1) : undefined,
    content: (part) => {
      requireBytes(part, 'part')
      left -= part.length
      requireArgument(left >= 0, 'part must fit in the announced length')
      if (part.length === 0) return []
      const framed = isKnown ? [part] : [varint(part.length), part]
      for (const { length } of framed) written += length
      return framed
    },
    end: () => {
      requireArgument(!isKnown || left === 0, 'the content must have the announced length')
      // No trailers; where the length was unknown, no further content before them.
      const least = isKnown ? 1 : 2
      return new Uint8Array(paddedLength(written + least) - written)
    },
  }
}

/**
 * Encodes a whole response as Binary HTTP (RFC 9292), and hides its length as {@link encodeRequest} does.
 *
 * @throws SecurityError `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { encodeResponse } from '@nomyo/crypto/wire-2'
 *
 * const message = encodeResponse({
 *   status: 200,
 *   fields: [['content-type', 'application/json']],
 *   content: new TextEncoder().encode('{}'),
 * })
 * ```
 */
export function encodeResponse(response: WholeResponse): Bytes {
  return createWholeResponse().final(response)
}

/**
 * Begins a whole response that interim responses precede, as signs of life.
 *
 * @example
 * ```ts
 * import { createWholeResponse } from '@nomyo/crypto/wire-2'
 *
 * const response = createWholeResponse()
 * const parts = [
 *   response.interim({ status: 102, fields: [] }),
 *   response.final({ status: 200, fields: [] }),
 * ]
 * ```
 */
export function createWholeResponse(): WholeResponseWriter {
  const begin = framing(FRAMING.knownResponse)
  let written = 0
  const finalParts = (response: WholeResponse): Uint8Array[] =>
    padded(
      [begin(), finalStatus(response), prefixed(fieldLines(response.fields))],
      response.content,
      (length) => paddedLength(written + length) - written,
    )
  return {
    interim: (head) => {
      const part = join(begin(), interimStatus(head), prefixed(fieldLines(head.fields)))
      written += part.length
      return part
    },
    final: (response) => join(...finalParts(response)),
    finalParts,
  }
}

/**
 * Begins a response whose content comes in parts, of which no length is hidden here.
 *
 * @example
 * ```ts
 * import { createStreamedResponse } from '@nomyo/crypto/wire-2'
 *
 * const response = createStreamedResponse()
 * const parts = [
 *   response.head({ status: 200, fields: [['content-type', 'text/event-stream']] }),
 *   response.content(new TextEncoder().encode('data: {}\n\n')),
 *   response.end(),
 * ]
 * ```
 */
export function createStreamedResponse(): StreamedResponseWriter {
  const begin = framing(FRAMING.indeterminateResponse)
  const terminated = (fields: readonly Field[]): Bytes => join(fieldLines(fields), varint(0))
  return {
    interim: (head) => join(begin(), interimStatus(head), terminated(head.fields)),
    head: (head) => join(begin(), finalStatus(head), terminated(head.fields)),
    content: (part) => {
      requireBytes(part, 'part')
      return part.length === 0 ? new Uint8Array() : prefixed(part)
    },
    end: () => join(varint(0), varint(0)),
  }
}

/** Returns a function that gives the framing indicator out once, before everything else. */
function framing(indicator: number): () => Bytes {
  let isFirst = true
  return () => {
    const bytes = isFirst ? varint(indicator) : new Uint8Array()
    isFirst = false
    return bytes
  }
}

const interimStatus = (head: ResponseHead): Bytes => statusBytes(head, 100, 199)

const finalStatus = (head: ResponseHead): Bytes => statusBytes(head, 200, 599)

function statusBytes(head: ResponseHead, least: number, most: number): Bytes {
  requireOptions(head, 'head')
  requireInteger(head.status, 'status', least, most)
  return varint(head.status)
}

/** A head, content, no trailers, and zeros up to a length. */
function padded(
  head: readonly Uint8Array[],
  content: Uint8Array = new Uint8Array(),
  sizeFor: (length: number) => number,
): Uint8Array[] {
  requireBytes(content, 'content')
  const before = join(...head, varint(content.length))
  // The first zero says that there are no trailers.
  const length = before.length + content.length + 1
  return [before, content, new Uint8Array(1 + sizeFor(length) - length)]
}

function fieldLines(fields: readonly Field[]): Bytes {
  requireArgument(Array.isArray(fields) && fields.every(isField), 'fields must be valid')
  return join(...fields.flat().map((text) => prefixed(ascii(text))))
}

function prefixed(bytes: Uint8Array): Bytes {
  return join(varint(bytes.length), bytes)
}

function varint(value: number): Bytes {
  const bytes = new Uint8Array(varintLength(value))
  writeVarint(value, bytes, 0)
  return bytes
}
