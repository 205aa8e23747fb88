import { Agent, request as httpRequest, type Dispatcher } from 'undici'
import type { WaitingCaller } from '../http/disconnect-signal.js'
import { readCaFile } from './ca-file.js'
import type { ChatRequest } from './engine.js'
import {
  bodyFault,
  connectFault,
  statusFault,
  timeoutFault,
  unusableFault,
  UpstreamFault,
} from './upstream-error.js'

/** How to reach a model server, and how long to wait for it. */
export interface OpenAICompatibleOptions {
  /** As OpenAI clients take it, usually ending in `/v1`. */
  readonly url: string
  /** Sent as a bearer token. */
  readonly apiKey?: string | undefined
  /**
   * PEM file of the CAs that are believed about this server, in place of those Node comes with; read
   * once. Default: those of Node.
   */
  readonly caFile?: string | undefined
  readonly timeouts?: UpstreamTimeouts | undefined
}

/** In milliseconds. */
export interface UpstreamTimeouts {
  /** To have a connection. Default 10 000. */
  readonly connectMs?: number | undefined
  /** For the headers of an answer, which come when it is complete. Default 600 000. */
  readonly headersMs?: number | undefined
  /** For all of it. Default 600 000. */
  readonly totalMs?: number | undefined
}

/** Long answers are not streamed: the headers come when the answer is complete. */
const TIMEOUT_MS = 600_000
const CONNECT_TIMEOUT_MS = 10_000
/** What still fits an answer's envelope after base64. */
const MAX_ANSWER_BYTES = 11 * 1024 * 1024
const MAX_MODELS_BYTES = 1024 * 1024
const MODELS_TIMEOUT_MS = 5000

/**
 * An OpenAI-compatible server (vLLM, Ollama, llama.cpp and others) and the connections to it.
 * Whatever it says about a failure stays here: its texts may quote the prompt, and refusals travel
 * in plaintext.
 */
export class OpenAICompatibleServer {
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly #totalMs: number
  readonly #completions: Agent
  /** Apart, so that checks neither wait for completions nor read as much. */
  readonly #checks: Agent

  /** @throws CaFileError */
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

  /** @throws UpstreamFault */
  async complete(request: ChatRequest, caller: WaitingCaller): Promise<Record<string, unknown>> {
    // Answers are sealed whole, so streaming is never asked for.
    const { stream: _stream, stream_options: _streamOptions, ...body } = request
    const ending = new AbortController()
    const timer = setTimeout(() => {
      ending.abort(timeoutFault())
    }, this.#totalMs)
    caller.whenGone(() => {
      ending.abort()
    })
    try {
      return parseObject(
        await exchange(`${this.#url}/chat/completions`, {
          method: 'POST',
          dispatcher: this.#completions,
          signal: ending.signal,
          headers: { ...this.#headers, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      )
    } catch (error) {
      const { reason } = ending.signal as { reason: unknown }
      throw reason instanceof UpstreamFault ? reason : error
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * What `GET /models` says, also for seeing whether the server is there.
   *
   * @throws UpstreamFault
   */
  async models(): Promise<Record<string, unknown>> {
    return parseObject(
      await exchange(`${this.#url}/models`, {
        dispatcher: this.#checks,
        signal: AbortSignal.timeout(MODELS_TIMEOUT_MS),
        headers: this.#headers,
      }),
    )
  }

  async close(): Promise<void> {
    await Promise.all([this.#completions.close(), this.#checks.destroy()])
  }
}

type Options = Parameters<typeof httpRequest>[1]

async function exchange(url: string, options: Options): Promise<string> {
  let response: Dispatcher.ResponseData<unknown>
  try {
    response = await httpRequest(url, options)
  } catch (error) {
    throw connectFault(error)
  }
  try {
    if (response.statusCode === 200) return await response.body.text()
    await response.body.dump()
  } catch (error) {
    throw response.statusCode === 200 ? bodyFault(error) : refused(response)
  }
  throw refused(response)
}

const refused = ({ statusCode, headers }: Dispatcher.ResponseData<unknown>): Error =>
  statusFault(statusCode, headers['retry-after'])

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    // Not JSON: the same as JSON of another kind.
  }
  throw unusableFault()
}
