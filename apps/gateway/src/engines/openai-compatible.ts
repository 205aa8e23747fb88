import { Agent, request as httpRequest, type Dispatcher } from 'undici'
import { HttpError } from '../http-error.js'
import type { ChatRequest, Engine } from './engine.js'

/** How to reach a model server. */
export interface OpenAICompatibleOptions {
  /** As OpenAI clients take it, usually ending in `/v1`. */
  readonly baseUrl: string
  /** Sent as a bearer token. */
  readonly apiKey: string | undefined
}

/** Long answers are not streamed: the headers come when the answer is complete. */
const TIMEOUT_MS = 600_000
const CONNECT_TIMEOUT_MS = 10_000
/** What still fits an answer's envelope after base64. */
const MAX_ANSWER_BYTES = 11 * 1024 * 1024

/**
 * Forwards requests to an OpenAI-compatible server (vLLM, Ollama, llama.cpp and others). Whatever
 * that server says about a failure stays here: its texts may quote the prompt, and refusals travel
 * in plaintext.
 */
export function createOpenAICompatibleEngine(options: OpenAICompatibleOptions): Engine {
  const url = `${options.baseUrl.replace(/\/+$/, '')}/chat/completions`
  const dispatcher = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
  })
  return {
    name: 'openai',
    complete: (request, signal) => complete(request, { url, dispatcher, signal, ...options }),
    close: () => dispatcher.close(),
  }
}

interface Call extends OpenAICompatibleOptions {
  readonly url: string
  readonly dispatcher: Dispatcher
  readonly signal: AbortSignal
}

async function complete(request: ChatRequest, call: Call): Promise<Record<string, unknown>> {
  // Answers are sealed whole, so streaming is never asked for.
  const { stream: _stream, stream_options: _streamOptions, ...body } = request
  let text: string
  try {
    const response = await httpRequest(call.url, {
      method: 'POST',
      dispatcher: call.dispatcher,
      signal: call.signal,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(call.apiKey === undefined ? {} : { authorization: `Bearer ${call.apiKey}` }),
      },
      body: JSON.stringify(body),
    })
    if (response.statusCode !== 200) {
      await response.body.dump()
      throw refusal(response.statusCode, response.headers['retry-after'])
    }
    text = await response.body.text()
  } catch (error) {
    throw error instanceof HttpError ? error : connectionFailure(error)
  }
  return parseCompletion(text)
}

function parseCompletion(text: string): Record<string, unknown> {
  try {
    const completion: unknown = JSON.parse(text)
    if (typeof completion === 'object' && completion !== null && !Array.isArray(completion)) {
      return completion as Record<string, unknown>
    }
  } catch {
    // Not JSON: the same as JSON of another kind.
  }
  throw new HttpError(502, 'The inference backend gave an unusable answer')
}

/** What a status of the model server means to the caller of the gateway. */
function refusal(statusCode: number, retryAfter: string | string[] | undefined): HttpError {
  switch (statusCode) {
    case 400:
    case 413:
    case 422:
      return new HttpError(400, 'The inference backend refused the request: check its parameters')
    case 404:
      return new HttpError(400, 'The inference backend does not have this model')
    case 429:
      return new HttpError(429, 'The inference backend is busy', seconds(retryAfter))
    case 503:
      return new HttpError(503, 'Inference backend is unavailable', seconds(retryAfter))
    case 504:
      return new HttpError(504, 'The inference backend took too long')
    default:
      // Also 401 and 403: the gateway's own credentials are no business of its callers.
      return new HttpError(502, 'The inference backend failed')
  }
}

function seconds(retryAfter: string | string[] | undefined): number | undefined {
  return typeof retryAfter === 'string' && /^\d{1,6}$/.test(retryAfter)
    ? Number(retryAfter)
    : undefined
}

function connectionFailure(error: unknown): HttpError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return new HttpError(504, 'The inference backend took too long')
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
      return new HttpError(502, 'The inference backend gave an unusable answer')
    default:
      return new HttpError(503, 'Inference backend is unavailable')
  }
}
