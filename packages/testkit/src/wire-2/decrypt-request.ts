import { createHash, randomUUID } from 'node:crypto'
import { SecurityError } from '@nomyo/crypto'
import {
  createBhttpReader,
  encodeResponse,
  openRequest,
  type BhttpEvent,
  type Field,
  type RequestKey,
  type RequestOpener,
} from '@nomyo/crypto/wire-2'
import type { ChatRequest, RequestFacts } from '../answer.js'
import { Refusal } from '../errors.js'
import type { SealOptions, SealedResponse } from '../exchange.js'
import { readChatRequest, readPayloadId, readSecurityTier } from '../gateway/decrypt-request.js'

const MAX_CHUNK = 131_072
const ANSWER_CHUNK = 16_384
const ROUTE = 'POST /v1/chat/completions'

/** A request whose first chunk was decrypted, and the means to answer it. */
export interface Wire2Request {
  /** Equal for every copy of one request. */
  readonly replayId: string
  /** Fields of the encrypted request, by lower-case name. */
  readonly sealedHeaders: Readonly<Record<string, string>>
  /**
   * Reads the chat request.
   *
   * @throws Refusal
   */
  readonly readRequest: () => ReadRequest
  /** Encrypts a response, in the pieces of the body: works once. */
  readonly seal: (response: SealedResponse, options?: SealOptions) => Promise<Uint8Array[]>
}

/** A chat request over wire 2. */
export interface ReadRequest extends RequestFacts {
  readonly request: ChatRequest
  readonly sealedHeaders: Readonly<Record<string, string>>
}

/** Decrypts a request; undefined where not even its first chunk can be. */
export async function decryptWire2Request(
  body: Uint8Array,
  keys: readonly RequestKey[],
): Promise<Wire2Request | undefined> {
  const opener = openRequest(keys, { maxChunk: MAX_CHUNK })
  const { message, problem } = await read(opener, body)
  if (opener.opened === 0) return undefined
  const sealedHeaders = Object.fromEntries(message?.fields ?? [])
  return {
    replayId: createHash('sha256')
      .update(opener.enc ?? '')
      .digest('hex'),
    sealedHeaders,
    readRequest: () => {
      if (message === undefined) throw problem ?? new Refusal(400, 'The request holds no message')
      if (message.route !== ROUTE) throw new Refusal(404, `There is no ${message.route} inside`)
      return {
        request: readChatRequest(parse(message.content)),
        payloadId: readPayloadId(sealedHeaders['idempotency-key'] ?? randomUUID()),
        securityTier: readSecurityTier(sealedHeaders['x-security-tier']),
        sealedHeaders,
      }
    },
    seal: (response, options) => seal(opener, response, options),
  }
}

interface Message {
  readonly route: string
  readonly fields: readonly Field[]
  readonly content: Uint8Array
}

async function read(
  opener: RequestOpener,
  body: Uint8Array,
): Promise<{ readonly message?: Message; readonly problem?: Refusal }> {
  const reader = createBhttpReader('request')
  const events: BhttpEvent[] = []
  try {
    for (const part of await opener.push(body)) events.push(...reader.push(part))
    events.push(...reader.push(await opener.end()), ...reader.end())
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    // A gateway says less; here the reader is the author of a test.
    return { problem: new Refusal(400, `The request is malformed: ${error.code}`) }
  }
  const head = events.find((event) => event.type === 'request')
  if (head === undefined) return {}
  const content = events.flatMap((event) => (event.type === 'content' ? [event.bytes] : []))
  return {
    message: {
      route: `${head.method} ${head.path}`,
      fields: head.fields,
      content: new Uint8Array(Buffer.concat(content)),
    },
  }
}

function parse(content: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    // Refused below.
  }
  throw new Refusal(400, 'The content is not a JSON object')
}

async function seal(
  opener: RequestOpener,
  { status, type = 'application/json', fields = {}, content }: SealedResponse,
  { final = true }: SealOptions = {},
): Promise<Uint8Array[]> {
  const sealer = await opener.sealAnswer({ maxChunk: ANSWER_CHUNK })
  const message = encodeResponse({
    status,
    fields: Object.entries({ 'content-type': type, date: new Date().toUTCString(), ...fields }),
    content: new TextEncoder().encode(
      type.startsWith('text/') ? String(content) : JSON.stringify(content),
    ),
  })
  const pieces: Uint8Array[] = [sealer.head]
  for (let start = 0; start < message.length; start += ANSWER_CHUNK) {
    const isLast = start + ANSWER_CHUNK >= message.length
    const part = message.subarray(start, start + ANSWER_CHUNK)
    pieces.push(await sealer.seal(part, { final: isLast && final }))
  }
  sealer.dispose()
  return pieces
}
