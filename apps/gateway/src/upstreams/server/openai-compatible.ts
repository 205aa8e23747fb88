import { Readable } from 'node:stream'
import { errnoCode } from '@nomyo-internal/diagnostics'
import { parseRetryAfter } from '@nomyo/transport'
import { Agent, request as httpRequest, type Dispatcher } from 'undici'
import { readCompletion } from './answer.js'
import type { ChatRequest } from '../../completion/chat-request.js'
import { HttpError } from '../../http-error.js'
import type { JsonObject } from '../../json/json-object.js'
import type { EngineContext, ForwardContext } from '../engine.js'
import type { RequestBody, RouteAnswer, RouteRequest, Upload } from '../route.js'
import { readForeignError } from './foreign-error.js'
import { parseModelList, type ModelList } from './model-names.js'
import { openAnswer } from './open-answer.js'
import { readAll } from './read-all.js'
import {
  MAX_ERROR_BYTES,
  connectionError,
  refusedError,
  timeoutError,
  unusableAnswerError,
  UpstreamError,
} from './upstream-error.js'

/** Address, credentials and timeouts of a model server. */
export interface OpenAICompatibleOptions {
  /** Base URL as OpenAI clients take it, usually ending in `/v1`. */
  readonly url: string
  /** Path of the health check: from the root of the server, such as `/health`, or below the URL, such as `models`. Default `models`. */
  readonly healthPath?: string | undefined
  /** Sent as a bearer token. */
  readonly apiKey?: string | undefined
  /** PEM file of the CAs trusted for this server, in place of those of Node; read at the start and at a reload. Default: those of Node. */
  readonly caFile?: string | undefined
  readonly timeouts?: UpstreamTimeouts | undefined
}

/** Timeouts of a model server, in milliseconds. */
export interface UpstreamTimeouts {
  /** For the connection. Default 10 000. */
  readonly connectMs?: number | undefined
  /** For the headers of an answer, which arrive when it is complete. Default 600 000. */
  readonly headersMs?: number | undefined
  /** For the whole answer. Default 600 000; 3 600 000 for an answer that comes in parts. */
  readonly totalMs?: number | undefined
}

/** Result of a health check. */
export interface PollResult {
  /** The server answered, with any status below 500. */
  readonly isPresent: boolean
  /** Status of its answer, or the error code of the connection. */
  readonly reason: number | string
  /** Its models; undefined if it lists none that can be read. */
  readonly models: ModelList | undefined
}

/** Long answers are not streamed: the headers arrive when the answer is complete. */
const TIMEOUT_MS = 600_000
/** Streams end by their idle limit; this one bounds those that drip. */
const STREAM_TIMEOUT_MS = 3_600_000
const CONNECT_TIMEOUT_MS = 10_000
/** Fits the envelope of an answer after base64. */
const MAX_ANSWER_BYTES = 11 * 1024 * 1024
const ERROR_TIMEOUT_MS = 5000
const MAX_MODELS_BYTES = 1024 * 1024
const POLL_TIMEOUT_MS = 5000

/** Fits the encrypted answer that clients read as a whole by default, with its padding. */
const MAX_WHOLE_BYTES = 15 * 1024 * 1024
/** Fits what clients read of a stream by default. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024

const CHAT_PATH = '/chat/completions'
const JSON_TYPE = 'application/json'

/** Resolves the path of a health check against the base URL of its server. */
export const healthUrl = (url: string, path = 'models'): string =>
  new URL(path, `${baseUrl(url)}/`).href

export const baseUrl = (url: string): string => url.replace(/\/+$/, '')

/**
 * An OpenAI-compatible server (vLLM, Ollama, llama.cpp and others) and the connections to it. Its error
 * texts may quote the prompt: they are kept for the caller alone, and no log has them.
 */
export class OpenAICompatibleServer {
  readonly #url: string
  readonly #healthUrl: string
  readonly #apiKey: string | undefined
  readonly #totalMs: number
  readonly #streamMs: number
  readonly #completions: Agent
  /** Separate, because these answers are larger. */
  readonly #routes: Agent
  /** Separate, so that checks neither wait for completions nor read as much. */
  readonly #checks: Agent

  /** @param ca - certificates of `caFile`, where one is configured */
  constructor(
    { url, healthPath, apiKey, timeouts = {} }: OpenAICompatibleOptions,
    ca: readonly string[] | undefined,
  ) {
    const trust = ca === undefined ? {} : { ca: [...ca] }
    this.#url = baseUrl(url)
    this.#healthUrl = healthUrl(url, healthPath)
    this.#apiKey = apiKey
    this.#totalMs = timeouts.totalMs ?? TIMEOUT_MS
    this.#streamMs = timeouts.totalMs ?? STREAM_TIMEOUT_MS
    const settings = {
      connect: { ...trust, timeout: timeouts.connectMs ?? CONNECT_TIMEOUT_MS },
      headersTimeout: timeouts.headersMs ?? TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    }
    this.#completions = new Agent({ ...settings, maxResponseSize: MAX_ANSWER_BYTES })
    this.#routes = new Agent({ ...settings, maxResponseSize: MAX_STREAM_BYTES })
    this.#checks = new Agent({ connect: trust, maxResponseSize: MAX_MODELS_BYTES })
  }

  /**
   * Requests a completion.
   *
   * @param signal - cancels the request
   * @throws UpstreamError
   * @throws HttpError when there is no memory for the answer
   */
  async complete(
    request: ChatRequest,
    signal: AbortSignal,
    context: EngineContext,
  ): Promise<JsonObject> {
    // Answers are encrypted as a whole. Some servers stream by default. Key and tier are
    // members of the protocol between client and gateway.
    const body = request.rewrite({
      ...context.changes,
      stream: false,
      stream_options: undefined,
      api_key: undefined,
      security_tier: undefined,
      // A salt that a caller chooses would reach the cache of others.
      cache_salt: context.cacheSalt,
    })
    const attempt = startAttempt(signal, this.#totalMs)
    try {
      const response = await this.#request(CHAT_PATH, attempt.signal, {
        body: { contentType: JSON_TYPE, byteLength: body.byteLength, toBody: () => body.toBody() },
        accept: JSON_TYPE,
        context,
        dispatcher: this.#completions,
      })
      return await this.#readAnswer(response, context)
    } catch (error) {
      throw attempt.errorOf(error)
    } finally {
      attempt.end()
    }
  }

  /**
   * Forwards a request. Resolves with a whole answer, or the first part of one that comes in parts.
   *
   * @param signal - cancels the request
   * @throws UpstreamError
   * @throws HttpError when there is no memory for the answer
   */
  async forward(
    request: RouteRequest,
    signal: AbortSignal,
    context: ForwardContext,
  ): Promise<RouteAnswer> {
    const body = request.body({ cacheSalt: context.cacheSalt })
    const totalMs = request.streamed ? this.#streamMs : this.#totalMs
    const attempt = startAttempt(signal, totalMs + (body.upload?.times.totalMs ?? 0))
    try {
      const response = await this.#request(request.path, attempt.signal, {
        body: body.upload === undefined ? body : watched(body, body.upload, attempt.giveUp),
        accept: request.accept,
        context,
        dispatcher: this.#routes,
        idleMs: request.streamed ? context.streamIdleMs : undefined,
      })
      const mayLackRoute = request.path !== CHAT_PATH
      if (response.statusCode !== 200) await this.#refuse(response, mayLackRoute)
      await requireWhole(body, response)
      const opened = await openAnswer(response, request, {
        ...{ withoutKey: this.#withoutKey, turns: context.turns, maxBytes: MAX_WHOLE_BYTES },
        reserve: (bytes) => {
          context.reserveAnswer(bytes)
        },
        errorOf: attempt.errorOf,
      })
      return {
        ...opened,
        close: () => {
          opened.close()
          attempt.end()
        },
      }
    } catch (error) {
      attempt.end()
      throw attempt.errorOf(error)
    }
  }

  /** Checks that the server is present, and asks for its models. Never rejects. */
  async poll(): Promise<PollResult> {
    const listUrl = `${this.#url}/models`
    const [health, list] = await Promise.all([
      this.#healthUrl === listUrl ? undefined : this.#check(this.#healthUrl),
      this.#check(listUrl),
    ])
    const { reason } = health ?? list
    return {
      isPresent: typeof reason === 'number' && reason < 500,
      reason,
      models: list.reason === 200 ? parseModelList(list.text) : undefined,
    }
  }

  /** Closes all connections, after the requests in progress. */
  async close(): Promise<void> {
    await Promise.all([this.#completions.close(), this.#routes.close(), this.#checks.destroy()])
  }

  #request(
    path: string,
    signal: AbortSignal,
    { body, accept, context, dispatcher, idleMs }: UpstreamRequest,
  ): Promise<Dispatcher.ResponseData<unknown>> {
    return httpRequest(`${this.#url}${path}`, {
      method: 'POST',
      dispatcher,
      signal,
      headers: {
        ...context.headers,
        ...this.#headers,
        accept,
        'content-type': body.contentType,
        ...(body.byteLength === undefined ? {} : { 'content-length': String(body.byteLength) }),
      },
      body: body.toBody(),
      ...(idleMs === undefined ? {} : { bodyTimeout: idleMs }),
    })
  }

  get #headers(): Readonly<Record<string, string>> {
    return {
      accept: JSON_TYPE,
      ...(this.#apiKey === undefined ? {} : { authorization: `Bearer ${this.#apiKey}` }),
    }
  }

  async #readAnswer(
    response: Dispatcher.ResponseData<unknown>,
    context: EngineContext,
  ): Promise<JsonObject> {
    const { statusCode, headers, body } = response
    if (statusCode !== 200) return this.#refuse(response)
    const bytes = await readAll(body, (total) => {
      context.reserveAnswer(total)
    })
    const contentType = String(headers['content-type'] ?? '')
    const { turns } = context
    return readCompletion(bytes, { contentType, turns, withoutKey: this.#withoutKey })
  }

  async #refuse(
    { statusCode, headers, body }: Dispatcher.ResponseData<unknown>,
    mayLackRoute = false,
  ): Promise<never> {
    const timer = setTimeout(() => body.destroy(), ERROR_TIMEOUT_MS)
    const text = await readStart(body, MAX_ERROR_BYTES)
    clearTimeout(timer)
    if (statusCode < 400) throw unusableAnswerError(statusCode, 'no status of a completion')
    const retryAfterMs = parseRetryAfter((name) => headers[name]?.toString(), Date.now())
    // Clients know no statuses above 599.
    const status = statusCode <= 599 ? statusCode : undefined
    const inner = readForeignError(status, this.#withoutKey(text))
    throw refusedError(inner, { reason: statusCode, retryAfterMs }, mayLackRoute)
  }

  /** Removes the key of the gateway from a text, which some servers quote. */
  readonly #withoutKey = (text: string): string =>
    this.#apiKey === undefined ? text : text.replaceAll(this.#apiKey, '***')

  async #check(url: string): Promise<Pick<PollResult, 'reason'> & { readonly text: string }> {
    try {
      const { statusCode, body } = await httpRequest(url, {
        dispatcher: this.#checks,
        signal: AbortSignal.timeout(POLL_TIMEOUT_MS),
        headers: this.#headers,
      })
      // The status shows that the server is present, even if its list cannot be read.
      return { reason: statusCode, text: await body.text().catch(() => '') }
    } catch (error) {
      return { reason: errnoCode(error), text: '' }
    }
  }
}

/** Ends an attempt whose model server reads nothing of a body for too long. */
function watched(body: RequestBody, { times }: Upload, onStall: () => void): RequestBody {
  async function* parts(): AsyncGenerator<Uint8Array, void, undefined> {
    let timer: NodeJS.Timeout | undefined
    try {
      for await (const part of body.toBody() as AsyncIterable<Uint8Array>) {
        timer = setTimeout(onStall, times.stallMs)
        yield part
        clearTimeout(timer)
      }
    } finally {
      clearTimeout(timer)
    }
  }
  return { ...body, toBody: () => Readable.from(parts()) }
}

/**
 * Waits for the end of a body that is still arriving: an answer to a part of it is none.
 *
 * @throws UpstreamError; HttpError for a fault of the caller
 */
async function requireWhole(
  { upload }: RequestBody,
  { statusCode, body }: Dispatcher.ResponseData<unknown>,
): Promise<void> {
  if (upload === undefined) return
  try {
    if (await upload.sent) return
    throw unusableAnswerError(statusCode, 'an answer before the end of the request')
  } catch (error) {
    body.on('error', () => undefined).destroy()
    throw error
  }
}

/** Parts of a request to the server. */
interface UpstreamRequest {
  readonly body: RequestBody
  readonly accept: string
  readonly context: Pick<ForwardContext, 'headers'>
  readonly dispatcher: Dispatcher
  /** Longest silence within the answer, in milliseconds. */
  readonly idleMs?: number | undefined
}

/** Time of a request, and the reading of its errors. */
interface Attempt {
  /** Aborts when the caller disconnects, or the time is up. */
  readonly signal: AbortSignal
  readonly errorOf: (error: unknown) => Error
  /** Ends the time now. */
  readonly giveUp: () => void
  end(): void
}

function startAttempt(signal: AbortSignal, totalMs: number): Attempt {
  const timeout = new AbortController()
  const giveUp = (): void => {
    timeout.abort()
  }
  const timer = setTimeout(giveUp, totalMs)
  return {
    giveUp,
    signal: AbortSignal.any([signal, timeout.signal]),
    errorOf: (error) => {
      if (timeout.signal.aborted && !signal.aborted) return timeoutError('ERR_TIMEOUT')
      return error instanceof UpstreamError || error instanceof HttpError
        ? error
        : connectionError(error)
    },
    end: () => {
      clearTimeout(timer)
    },
  }
}

/** Reads the beginning of a body, and ends its connection if there is more. Returns what arrived. */
async function readStart(body: AsyncIterable<unknown>, maxBytes: number): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const part of body as AsyncIterable<Buffer>) {
      parts.push(part)
      length += part.length
      if (length >= maxBytes) break
    }
  } catch {
    // The status is known: what is missing of the text changes nothing.
  }
  return Buffer.concat(parts).toString('utf8', 0, maxBytes)
}
