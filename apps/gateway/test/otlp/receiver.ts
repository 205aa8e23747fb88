import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { listenOnLoopback, stopAfterTest } from '@nomyo-internal/testing'
import { readFields, type Fields } from './protobuf.js'

/** A span as the receiver got it. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Empty for a root. */
  readonly parentId: string
  readonly traceState: string
  readonly name: string
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number
  readonly startNs: bigint
  readonly endNs: bigint
  readonly attributes: Readonly<Record<string, string | number>>
  /** 0 unset, 2 error. */
  readonly status: number
}

/** A receiver of OTLP over HTTP on loopback. */
export interface OtlpReceiver {
  readonly url: string
  readonly spans: ReceivedSpan[]
  /** Attributes of the resource that sent the spans. */
  resource: Readonly<Record<string, string | number>>
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[]
  /** Answers a request; by default with 200 and an empty body. */
  answer: (response: ServerResponse) => void
}

/** Starts a receiver for the time of one test. */
export async function testReceiver(): Promise<OtlpReceiver> {
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      receiver.requests.push({ path: request.url ?? '', headers: request.headers })
      const encoding = request.headers['content-encoding']
      decode(encoding === 'gzip' ? gunzipSync(body) : body)
      receiver.answer(response)
    })
  })
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${await listenOnLoopback(server)}`,
    spans: [],
    resource: {},
    requests: [],
    answer: (response) =>
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(),
  }
  const decode = (body: Uint8Array): void => {
    for (const resourceSpans of messages(readFields(body), 1)) {
      for (const resource of messages(resourceSpans, 1))
        receiver.resource = attributesOf(resource, 1)
      for (const scopeSpans of messages(resourceSpans, 2)) {
        receiver.spans.push(...messages(scopeSpans, 2).map(spanOf))
      }
    }
  }
  stopAfterTest({
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  })
  return receiver
}

const spanOf = (fields: Fields): ReceivedSpan => ({
  traceId: hex(fields, 1),
  spanId: hex(fields, 2),
  traceState: text(fields, 3),
  parentId: hex(fields, 4),
  name: text(fields, 5),
  kind: Number(fields.get(6)?.[0] ?? 0n),
  startNs: fields.get(7)?.[0] as bigint,
  endNs: fields.get(8)?.[0] as bigint,
  attributes: attributesOf(fields, 9),
  status: Number(messages(fields, 15)[0]?.get(3)?.[0] ?? 0n),
})

function attributesOf(fields: Fields, number: number): Record<string, string | number> {
  return Object.fromEntries(
    messages(fields, number).map((pair) => {
      const [value] = messages(pair, 2)
      const integer = value?.get(3)?.[0]
      return [text(pair, 1), integer === undefined ? text(value!, 1) : Number(integer)]
    }),
  )
}

const bytesOf = (fields: Fields, number: number): Uint8Array[] =>
  (fields.get(number) ?? []).filter((value) => value instanceof Uint8Array)

const messages = (fields: Fields, number: number): Fields[] =>
  bytesOf(fields, number).map(readFields)
const text = (fields: Fields, number: number): string =>
  new TextDecoder().decode(bytesOf(fields, number)[0])
const hex = (fields: Fields, number: number): string =>
  Buffer.from(bytesOf(fields, number)[0] ?? []).toString('hex')
