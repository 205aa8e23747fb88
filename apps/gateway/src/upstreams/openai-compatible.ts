import { Agent, request as httpRequest, type Dispatcher } from 'undici'
import type { ChatRequest } from '../completion/chat-request.js'
import { HttpError } from '../http-error.js'
import type { EventLoopTurns } from '../json/event-loop-turns.js'
import { JsonError } from '../json/json-error.js'
import { readJsonObject, type JsonObject } from '../json/json-object.js'
import { readCaFile } from './ca-file.js'
import type { EngineContext } from './engine.js'
import {
  bodyError,
  connectionError,
  statusError,
  timeoutError,
  unusableAnswerError,
} from './upstream-error.js'

/** Address, credentials and timeouts of a model server. */
export interface OpenAICompatibleOptions {
  /** Base URL as OpenAI clients take it, usually ending in `/v1`. */
  readonly url: string
  /** Sent as a bearer token. */
  readonly apiKey?: string | undefined
  /** PEM file of the CAs trusted for this server, in place of those of Node; read once. Default: those of Node. */
  readonly caFile?: string | undefined
  readonly timeouts?: UpstreamTimeouts | undefined
}

/** Timeouts of a model server, in milliseconds. */
export interface UpstreamTimeouts {
  /** For the connection. Default 10 000. */
  readonly connectMs?: number | undefined
  /** For the headers of an answer, which arrive when it is complete. Default 600 000. */
  readonly headersMs?: number | undefined
  /** For the whole answer. Default 600 000. */
  readonly totalMs?: number | undefined
}

/** Long answers are not streamed: the headers arrive when the answer is complete. */
const TIMEOUT_MS = 600_000
const CONNECT_TIMEOUT_MS = 10_000
/** Fits the envelope of an answer after base64. */
const MAX_ANSWER_BYTES = 11 * 1024 * 1024
const MAX_MODELS_BYTES = 1024 * 1024
const MODELS_TIMEOUT_MS = 5000

/**
 * An OpenAI-compatible server (vLLM, Ollama, llama.cpp and others) and the connections to it. Its error
 * texts are dropped: they may quote the prompt, and refusals are sent in plaintext.
 */
export class OpenAICompatibleServer {
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly #totalMs: number
  readonly #completions: Agent
  /** Separate, so that checks neither wait for completions nor read as much. */
  readonly #checks: Agent

  /** @throws GatewayError `ERR_CA_FILE` */
  constructor({ url, apiKey, caFile, timeouts = {} }: OpenAICompatibleOptions) {
    const trust = caFile === undefined ? {} : { ca: [...readCaFile(caFile)] }
    this.#url = url.replace(/\/+$/, '')
    this.#headers = {
      accept: 'application/json',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    }
    this.#totalMs = timeouts.totalMs ?? TIMEOUT_MS
    this.#completions = new Agent({
      connect: { ...trust, timeout: timeouts.connectMs ?? CONNECT_TIMEOUT_MS },
      headersTimeout: timeouts.headersMs ?? TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      maxResponseSize: MAX_ANSWER_BYTES,
    })
    this.#checks = new Agent({ connect: trust, maxResponseSize: MAX_MODELS_BYTES })
  }

  /**
   * Requests a completion.
   *
   * @param signal - cancels the request
   * @throws UpstreamError
   */
  async complete(
    request: ChatRequest,
    signal: AbortSignal,
    context: EngineContext,
  ): Promise<JsonObject> {
    // Answers are encrypted as a whole. Some servers stream unless told not to.
    const body = request.rewrite({ stream: false, stream_options: undefined })
    const timeout = new AbortController()
    const timer = setTimeout(() => {
      timeout.abort()
    }, this.#totalMs)
    try {
      return await readAnswer(
        await fetchBytes(
          `${this.#url}/chat/completions`,
          {
            method: 'POST',
            dispatcher: this.#completions,
            signal: AbortSignal.any([signal, timeout.signal]),
            headers: {
              ...this.#headers,
              'content-type': 'application/json',
              'content-length': String(body.byteLength),
            },
            body: body.toBody(),
          },
          (bytes) => {
            context.reserveAnswer(bytes)
          },
        ),
        context.turns,
      )
    } catch (error) {
      throw timeout.signal.aborted && !signal.aborted ? timeoutError() : error
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Returns the answer to `GET /models`, which also serves as the health check.
   *
   * @throws UpstreamError
   */
  async models(): Promise<Record<string, unknown>> {
    const body = await fetchBytes(`${this.#url}/models`, {
      dispatcher: this.#checks,
      signal: AbortSignal.timeout(MODELS_TIMEOUT_MS),
      headers: this.#headers,
    })
    return parseObject(body.toString())
  }

  async close(): Promise<void> {
    await Promise.all([this.#completions.close(), this.#checks.destroy()])
  }
}

type Options = Parameters<typeof httpRequest>[1]

/** Reads a body of at most the size that the dispatcher allows. */
async function fetchBytes(
  url: string,
  options: Options,
  onBytes?: (total: number) => void,
): Promise<Buffer> {
  let response: Dispatcher.ResponseData<unknown>
  try {
    response = await httpRequest(url, options)
  } catch (error) {
    throw connectionError(error)
  }
  const { statusCode, headers, body } = response
  if (statusCode !== 200) {
    await body.dump().catch(() => undefined)
    throw statusError(statusCode, headers['retry-after'])
  }
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const part of body as AsyncIterable<Buffer>) {
      length += part.length
      onBytes?.(length)
      parts.push(part)
    }
  } catch (error) {
    throw error instanceof HttpError ? error : bodyError(error)
  }
  return Buffer.concat(parts, length)
}

/** Deeper answers could not be read by clients. */
const ANSWER_LIMITS = { maxDepth: 256, maxValues: Infinity }

async function readAnswer(bytes: Buffer, turns: EventLoopTurns): Promise<JsonObject> {
  try {
    return await readJsonObject(bytes, { limits: ANSWER_LIMITS, turns })
  } catch (error) {
    throw error instanceof JsonError ? unusableAnswerError() : error
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    // Text that is not JSON is as unusable as JSON of another type.
  }
  throw unusableAnswerError()
}
