import type { IncomingMessage, ServerResponse } from 'node:http'
import { SecurityError, openEnvelope } from '@nomyo/crypto'
import { MEDIA_TYPES, PROBLEM_TYPES, answerVouch } from '@nomyo/crypto/wire-2'
import { Refusal } from '../errors.js'
import type { SealedExchange, SealedResponse, StatementExchange } from '../exchange.js'
import type { Fault, HttpFault, StatementFault } from '../faults/fault.js'
import { complete } from '../gateway/complete.js'
import { once, type GatewayHost } from '../gateway/host.js'
import { readBody } from '../gateway/read-body.js'
import { sendBytes, sendJson } from '../gateway/send.js'
import { decryptWire2Request, type Wire2Request } from './decrypt-request.js'
import { eventStream } from './event-stream.js'
import { Wire2Keys } from './keys.js'

const ALGORITHM = 'OHTTP MLKEM768-X25519 HKDF-SHA256 AES-256-GCM'

/** The routes of wire 2. */
export class Wire2Gateway {
  readonly #host: GatewayHost
  readonly #keys: Wire2Keys
  #statementFault: HttpFault | StatementFault | undefined

  private constructor(host: GatewayHost, keys: Wire2Keys) {
    this.#host = host
    this.#keys = keys
  }

  static async create(host: GatewayHost): Promise<Wire2Gateway> {
    return new Wire2Gateway(host, await Wire2Keys.create(host.serverKey().publicKey))
  }

  get identity(): string {
    return this.#keys.identity
  }

  /** The member `wire` of the metadata of an answer over wire 1, by which a client notices a downgrade. */
  get offer(): object {
    const { content, sha256 } = this.#keys.published
    return { min: content.minWire, statement_sha256: sha256 }
  }

  statementFault(fault: HttpFault | StatementFault | undefined): void {
    this.#statementFault = fault
  }

  rotate(): Promise<void> {
    return this.#keys.rotate(this.#host.serverKey().publicKey)
  }

  /** Names another server key in the statement. */
  renew(): Promise<void> {
    return this.#keys.renew(this.#host.serverKey().publicKey)
  }

  dispose(): void {
    this.#keys.dispose()
  }

  async answerStatement({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { content, sha256, document } = this.#keys.published
    if (this.#statementFault !== undefined) {
      const exchange: StatementExchange = {
        response,
        normalBody: () => Promise.resolve(document),
        content,
        sign: (other, signer = 'this') => this.#keys.sign(other, signer),
      }
      await this.#statementFault.answer(exchange)
      return
    }
    const etag = `"${sha256}"`
    if (headers['if-none-match'] === etag) response.writeHead(304, { etag }).end()
    else sendBytes(response, document, { type: 'application/json', headers: { etag } })
  }

  async answerVouch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { statement } = this.#keys.published
    const answer = await vouchFor(await readBody(request), statement, this.#host)
    if (answer === undefined) throw new Refusal(409, 'The key statement has changed')
    sendBytes(response, answer, { type: 'application/json' })
  }

  async answerRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers['content-type'] !== MEDIA_TYPES.request) {
      throw new Refusal(415, `Content-Type must be ${MEDIA_TYPES.request}`)
    }
    const body = await readBody(request)
    const decrypted = await decryptWire2Request(body, this.#keys.keys)
    if (decrypted === undefined) {
      sendProblem(response)
      return
    }
    // A fault that names no type has that of an answer.
    response.setHeader('content-type', MEDIA_TYPES.answer)
    try {
      await this.#answerDecrypted(request, response, body, decrypted)
    } catch (error) {
      if (!(error instanceof Refusal) || response.headersSent) throw error
      const { status, detail } = error
      const content = { detail }
      await sendAnswer(response, await decrypted.seal({ status, content }))
    }
  }

  async #answerDecrypted(
    { headers }: IncomingMessage,
    response: ServerResponse,
    body: Uint8Array,
    decrypted: Wire2Request,
  ): Promise<void> {
    const { apiKey, answer } = this.#host
    if (apiKey !== undefined && decrypted.sealedHeaders['authorization'] !== `Bearer ${apiKey}`) {
      throw new Refusal(401, 'Invalid API key')
    }
    this.#host.refuseRepeats([`enc ${decrypted.replayId}`])
    const chat = decrypted.readRequest()
    const fault = this.#host.takeFault()
    const { payloadId, securityTier, sealedHeaders } = chat
    this.#host.record({
      request: chat.request,
      payloadId,
      securityTier,
      headers,
      envelope: body,
      fault: fault?.name,
      wire: 2,
      sealedHeaders,
    })
    const completion = once(async () => this.#withWire(await complete(answer, chat)))
    const normalResponse = async (): Promise<SealedResponse> => {
      const content = await completion()
      if (chat.request['stream'] !== true) return { status: 200, content }
      const type = 'text/event-stream'
      return { status: 200, type, content: eventStream(content, chat.request) }
    }
    const exchange: SealedExchange = {
      response,
      body,
      payloadId,
      completion,
      normalResponse,
      seal: (sealed, options) => decrypted.seal(sealed, options),
      normalBody: async () => Buffer.concat(await decrypted.seal(await normalResponse())),
    }
    if (fault === undefined) await sendAnswer(response, [await exchange.normalBody()])
    else await answerWithFault(fault, exchange)
  }

  #withWire(completion: Record<string, unknown>): Record<string, unknown> {
    const metadata = {
      ...(completion['_metadata'] as object),
      is_encrypted: true,
      encryption_algorithm: ALGORITHM,
      processed_at: Math.floor(Date.now() / 1000),
      wire: { version: 2, statement_sha256: this.#keys.published.sha256 },
    }
    return { ...completion, _metadata: metadata }
  }
}

async function answerWithFault(fault: Fault, exchange: SealedExchange): Promise<void> {
  if (fault.appliesTo !== 'completion') {
    await fault.answer(exchange)
    return
  }
  throw new Refusal(501, `testkit: ${fault.name} changes an envelope of wire 1`)
}

/** Sends an answer as a gateway does. */
export async function sendAnswer(
  response: ServerResponse,
  pieces: readonly Uint8Array[],
): Promise<void> {
  response.writeHead(200, {
    'content-type': MEDIA_TYPES.answer,
    'cache-control': 'no-store, no-transform',
    incremental: '?1',
    'x-accel-buffering': 'no',
  })
  for (const piece of pieces) response.write(piece)
  await new Promise<void>((resolve) => response.end(resolve))
}

/** Refuses a request that cannot be decrypted, before anything is known about it. */
export function sendProblem(response: ServerResponse): void {
  const problem = { type: PROBLEM_TYPES.key, title: 'key configuration not usable' }
  sendJson(response, problem, { status: 400, type: 'application/problem+json' })
}

async function vouchFor(
  body: Uint8Array,
  statement: Uint8Array,
  host: GatewayHost,
): Promise<Uint8Array | undefined> {
  try {
    const { plaintext } = await openEnvelope(body, host.serverKey().privateKey)
    return await answerVouch(plaintext, statement)
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    throw new Refusal(400, `The request could not be decrypted: ${error.code}, ${error.message}`)
  }
}
