import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { generateKeyPair, sealJson, type KeyPair } from '@nomyo/crypto'
import { Refusal, TestkitError } from '../errors.js'
import type { CompletionExchange, HttpExchange } from '../exchange.js'
import {
  checkFault,
  checkHttpFault,
  checkStatementFault,
  invalidFault,
  type Fault,
  type HttpFault,
  type StatementFault,
} from '../faults/fault.js'
import type { Wire2Gateway } from '../wire-2/wire-2-gateway.js'
import { complete } from './complete.js'
import { decryptRequest, type DecryptedRequest } from './decrypt-request.js'
import { once } from './host.js'
import { checkKeyPair, type GatewayConfig } from './options.js'
import { readBody } from './read-body.js'
import { sendJson, sendPem, sendSealed } from './send.js'
import type { ConnectionCount, KeyFetch, ReceivedRequest, TestGateway } from '../test-gateway.js'

const KEY_PATH = '/pki/public_key'
const COMPLETION_PATH = '/v1/chat/secure_completion'
const STATEMENT_PATH = '/pki/wire2'
const VOUCH_PATH = '/pki/wire2/vouch'
const WIRE_2_PATH = '/.well-known/ohttp-gateway'
/** As in gateways: a client should rarely find its idle connections closed. */
const KEEP_ALIVE_MS = 72_000

/** The implementation of {@link TestGateway}. */
export class RunningGateway implements TestGateway {
  readonly #config: GatewayConfig
  readonly #server: Server
  readonly #requests: ReceivedRequest[] = []
  readonly #keyFetches: KeyFetch[] = []
  readonly #served = new Set<string>()
  #serverKey: KeyPair
  #ownsKey: boolean
  #wire2: Wire2Gateway | undefined
  #nextFaults: Fault[] = []
  #constantFault: Fault | undefined
  #keyFault: HttpFault | undefined
  #previousBody: Uint8Array | undefined
  #open = 0
  #accepted = 0
  #url = ''
  #closing: Promise<void> | undefined

  constructor(config: GatewayConfig) {
    this.#config = config
    this.#serverKey = config.serverKey
    this.#ownsKey = config.ownsKey
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      void this.#serve(request, response)
    })
    this.#server.on('connection', (socket) => {
      this.#accepted++
      this.#open++
      socket.once('close', () => this.#open--)
    })
  }

  get url(): string {
    return this.#url
  }

  get fingerprint(): string {
    return this.#serverKey.publicKey.fingerprint
  }

  get identity(): string | undefined {
    return this.#wire2?.identity
  }

  get requests(): readonly ReceivedRequest[] {
    return this.#requests
  }

  get keyFetches(): readonly KeyFetch[] {
    return this.#keyFetches
  }

  get connections(): ConnectionCount {
    return { open: this.#open, accepted: this.#accepted }
  }

  next(...faults: Fault[]): void {
    this.#assertOpen()
    for (const fault of faults) checkFault(fault, 'next')
    this.#nextFaults.push(...faults)
  }

  always(fault: Fault | undefined): void {
    this.#assertOpen()
    if (fault !== undefined) checkFault(fault, 'always')
    this.#constantFault = fault
  }

  keyFetch(fault: HttpFault | undefined): void {
    this.#assertOpen()
    if (fault !== undefined) checkHttpFault(fault, 'keyFetch')
    this.#keyFault = fault
  }

  statementFetch(fault: HttpFault | StatementFault | undefined): void {
    this.#assertOpen()
    if (fault !== undefined) checkStatementFault(fault, 'statementFetch')
    if (this.#wire2 === undefined) throw invalidFault('statementFetch needs a gateway with wire: 2')
    this.#wire2.statementFault(fault)
  }

  async rotateRequestKey(): Promise<void> {
    this.#assertOpen()
    if (this.#wire2 === undefined) {
      throw new TestkitError('ERR_INVALID_OPTION', 'rotateRequestKey needs a gateway with wire: 2.')
    }
    await this.#wire2.rotate()
  }

  async rotateKey(next?: KeyPair): Promise<void> {
    this.#assertOpen()
    if (next !== undefined) checkKeyPair(next, 'the next key')
    const pair = next ?? (await generateKeyPair())
    this.#disposeOfKey()
    this.#serverKey = pair
    this.#ownsKey = next === undefined
    await this.#wire2?.renew()
  }

  clear(): void {
    this.#requests.length = 0
    this.#keyFetches.length = 0
    this.#nextFaults = []
    this.#constantFault = undefined
    this.#keyFault = undefined
    this.#wire2?.statementFault(undefined)
    this.#previousBody = undefined
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#server.close(() => {
        this.#disposeOfKey()
        this.#wire2?.dispose()
        resolve()
      })
      this.#server.closeAllConnections()
    })
    return this.#closing
  }

  /** Starts listening; afterwards `url` and `identity` are known. */
  async listen(): Promise<void> {
    if (this.#config.wire === 2) {
      const { Wire2Gateway } = await import('../wire-2/wire-2-gateway.js')
      this.#wire2 = await Wire2Gateway.create({
        apiKey: this.#config.apiKey,
        answer: this.#config.answer,
        serverKey: () => this.#serverKey,
        takeFault: () => this.#takeFault(),
        record: (request) => this.#requests.push(request),
        refuseRepeats: (ids) => {
          this.#refuseRepeats(ids)
        },
      })
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, '127.0.0.1', resolve)
    })
    const { port } = this.#server.address() as AddressInfo
    this.#url = `http://127.0.0.1:${port}`
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response)
    } catch (error) {
      if (response.headersSent || response.destroyed) {
        response.destroy()
        return
      }
      const { status, detail } = error instanceof Refusal ? error : mistake(error)
      sendJson(response, { detail }, { status })
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = `${String(request.method)} ${String(request.url)}`
    if (route === `GET ${KEY_PATH}`) await this.#answerKeyFetch(request, response)
    else if (route === `POST ${COMPLETION_PATH}`) await this.#answerCompletion(request, response)
    else if (this.#wire2 !== undefined && route === `GET ${STATEMENT_PATH}`)
      await this.#wire2.answerStatement(request, response)
    else if (this.#wire2 !== undefined && route === `POST ${VOUCH_PATH}`)
      await this.#wire2.answerVouch(request, response)
    else if (this.#wire2 !== undefined && route === `POST ${WIRE_2_PATH}`)
      await this.#wire2.answerRequest(request, response)
    else throw new Refusal(404, `There is no ${route}; check the baseUrl of the client`)
  }

  async #answerKeyFetch({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#keyFetches.push({ headers })
    const { pem, fingerprint } = this.#serverKey.publicKey
    if (this.#keyFault !== undefined) {
      const exchange: HttpExchange = {
        response,
        normalBody: () => Promise.resolve(new TextEncoder().encode(pem)),
      }
      await this.#keyFault.answer(exchange)
      return
    }
    const etag = `"${fingerprint}"`
    if (headers['if-none-match'] === etag) response.writeHead(304, { etag }).end()
    else sendPem(response, pem, { etag })
  }

  async #answerCompletion(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request
    const { apiKey } = this.#config
    if (apiKey !== undefined && headers.authorization !== `Bearer ${apiKey}`) {
      throw new Refusal(401, 'Invalid API key')
    }
    const envelope = await readBody(request)
    const decrypted = await decryptRequest(envelope, headers, this.#serverKey)
    this.#refuseRepeats([`id ${decrypted.payloadId}`, `envelope ${decrypted.replayId}`])
    const fault = this.#takeFault()
    const { request: chat, payloadId, securityTier } = decrypted
    this.#requests.push({
      request: chat,
      payloadId,
      securityTier,
      headers,
      envelope,
      fault: fault?.name,
      wire: 1,
      sealedHeaders: {},
    })
    const exchange = this.#exchange(decrypted, envelope, response)
    if (fault?.appliesTo === 'wire-2') {
      throw new Refusal(501, `testkit: ${fault.name} needs a request over wire 2`)
    }
    if (fault !== undefined) {
      await fault.answer(exchange)
      return
    }
    const body = await exchange.normalBody()
    this.#previousBody = body
    sendSealed(response, body)
  }

  #takeFault(): Fault | undefined {
    return this.#nextFaults.shift() ?? this.#constantFault
  }

  /** A correct client encrypts every attempt anew, under its own id. */
  #refuseRepeats(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#served.has(id)) throw new Refusal(409, 'The request was already served once')
      this.#served.add(id)
    }
  }

  #exchange(
    decrypted: DecryptedRequest,
    envelope: Uint8Array,
    response: ServerResponse,
  ): CompletionExchange {
    const { replyKey, payloadId } = decrypted
    const completion = once(() =>
      complete(this.#config.answer, decrypted, this.#wire2 && { wire: this.#wire2.offer }),
    )
    const seal: CompletionExchange['seal'] = (value, recipient = replyKey) =>
      sealJson(value, recipient, { processedAt: Math.floor(Date.now() / 1000) })
    return {
      response,
      envelope,
      payloadId,
      previousBody: this.#previousBody,
      serverKey: this.#serverKey.publicKey,
      completion,
      seal,
      normalBody: async () => seal(await completion()),
    }
  }

  #disposeOfKey(): void {
    if (this.#ownsKey) this.#serverKey.privateKey.dispose()
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return
    throw new TestkitError('ERR_GATEWAY_CLOSED', 'The gateway has been closed; start a new one.')
  }
}

/** Reports a mistake of the test to its author through the client, with a status that is not retried. */
function mistake(error: unknown): Refusal {
  return new Refusal(501, `testkit: ${error instanceof Error ? error.message : String(error)}`)
}
