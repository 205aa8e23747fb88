import { ServerResponse, type IncomingMessage } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { ChunkOpener } from '@nomyo/crypto/wire-2'
import { createBhttpReader } from '@nomyo/crypto/wire-2'
import { HttpError } from '../../src/http-error.js'
import { createGatewayLog } from '../../src/observability/gateway-log.js'
import { CompletionObservation } from '../../src/observability/completion-record.js'
import { BodyParts } from '../../src/wire-2/request/body-parts.js'
import type { ExchangeContext } from '../../src/wire-2/exchange-context.js'
import { handleExchange } from '../../src/wire-2/handle-exchange.js'
import { KeyProblem } from '../../src/wire-2/answer/key-problem.js'

/** Outcome of a request: the refusal outside, or the bytes of an answer. */
export type Outcome =
  | { readonly outer: number; readonly isKeyProblem: boolean }
  | { readonly answer: Uint8Array; readonly inner: number | undefined }

/** Handles the body of a request without HTTP, as it arrives in these parts. */
export const handleDirectly = (
  context: ExchangeContext,
  parts: readonly Uint8Array[],
): Promise<Outcome> => handleStream(context, Readable.from(parts.map((part) => Buffer.from(part))))

/** Handles the body of a request without HTTP. */
export async function handleStream(context: ExchangeContext, body: Readable): Promise<Outcome> {
  const request = body as unknown as IncomingMessage
  const socket = new PassThrough()
  const response = new ServerResponse(Object.assign(request, { socket }) as never)
  const observation = new CompletionObservation(
    { requestId: 'direct', payloadId: undefined, wire: 2 },
    [],
  )
  const caller = await context.accessControl.admit({ authorization: undefined, ip: '127.0.0.1' })
  const admission = context.loadShedder.enter(2, caller.id, response, context.maxBodyBytes)
  try {
    const answer = await handleExchange(
      {
        parts: new BodyParts(request),
        size: context.maxBodyBytes,
        admission,
        caller,
        source: caller.id,
        ip: '127.0.0.1',
        requestId: 'direct',
        headers: {},
        signal: new AbortController().signal,
        observation,
        log: createGatewayLog({ level: 'silent', format: 'json', stream: process.stderr }),
      },
      context,
    )
    const bytes = await buffer(answer.body)
    return { answer: bytes, inner: observation.innerStatus }
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    return { outer: error.statusCode, isKeyProblem: error instanceof KeyProblem }
  } finally {
    response.emit('close')
    socket.destroy()
  }
}

/** Decrypts an answer, which must be whole, and returns the status inside. */
export async function statusInside(answer: Uint8Array, opener: ChunkOpener): Promise<number> {
  const reader = createBhttpReader('response')
  const events = []
  for (const chunk of await opener.push(answer)) events.push(...reader.push(chunk))
  events.push(...reader.push(await opener.end()), ...reader.end())
  for (const event of events) if (event.type === 'response') return event.status
  throw new Error('no response inside')
}
