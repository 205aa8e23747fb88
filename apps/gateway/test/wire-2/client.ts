import { randomUUID } from 'node:crypto'
import {
  GATEWAY_PATH,
  MEDIA_TYPES,
  createBhttpReader,
  encodeRequest,
  loadHybridKem,
  parseKeyList,
  sealRequest,
  type BhttpEvent,
  type ChunkOpener,
  type Field,
  type Kem,
  type KeyConfig,
  type SealedRequest,
  type WholeRequest,
} from '@nomyo/crypto/wire-2'
import { expect } from 'vitest'
import { chat, type Answer } from '../support.js'

export const hybridKem: Kem = await loadHybridKem()

/** The keys that a gateway publishes. */
export async function keyConfigOf(gateway: { readonly url: string }): Promise<KeyConfig> {
  const response = await fetch(gateway.url + GATEWAY_PATH, {
    headers: { accept: MEDIA_TYPES.keyList },
  })
  expect(response.status).toBe(200)
  const [config] = parseKeyList(new Uint8Array(await response.arrayBuffer()))
  expect(config).toBeDefined()
  return config!
}

/** Parts of a request that differ from those of a client. */
export interface RequestOptions extends Partial<Omit<WholeRequest, 'fields' | 'content'>> {
  /** Replace or, undefined, remove those of a client. */
  readonly fields?: Readonly<Record<string, string | undefined>>
  /** Fields behind those. */
  readonly more?: readonly Field[]
  readonly content?: unknown
}

/** The Binary HTTP of a request, as a client writes it. */
export function messageOf({ fields = {}, more = [], content, ...control }: RequestOptions = {}) {
  const all: Record<string, string | undefined> = {
    date: new Date().toUTCString(),
    'idempotency-key': randomUUID(),
    'content-type': 'application/json',
    accept: 'application/json',
    ...fields,
  }
  const given = Object.entries(all).filter(
    (field): field is [string, string] => field[1] !== undefined,
  )
  return encodeRequest({
    ...{ method: 'POST', scheme: 'https', authority: '', path: '/v1/chat/completions' },
    ...control,
    fields: [...given, ...more],
    content:
      content instanceof Uint8Array
        ? content
        : new TextEncoder().encode(JSON.stringify(content ?? chat('Hello!'))),
  })
}

/** Encrypts a request. */
export const sealMessage = async (
  config: KeyConfig,
  options?: RequestOptions,
  kem: Kem = hybridKem,
): Promise<SealedRequest> => sealRequest(kem, config, messageOf(options), { maxChunk: 65_536 })

/** Posts the bytes of a request. */
export async function postSealed(
  gateway: { readonly url: string },
  body: BodyInit | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(gateway.url + GATEWAY_PATH, {
    method: 'POST',
    headers: { 'content-type': MEDIA_TYPES.request, ...headers },
    body: body as BodyInit,
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  })
  const bytes = new Uint8Array(await response.arrayBuffer())
  return { status: response.status, headers: response.headers, bytes }
}

/** Response inside the encryption. */
export interface InnerResponse {
  readonly status: number
  readonly fields: ReadonlyMap<string, string>
  readonly interim: number
  readonly text: string
  readonly json: Record<string, unknown>
}

/** Decrypts an answer, which must be whole. */
export async function openInner(answer: Answer, opener: ChunkOpener): Promise<InnerResponse> {
  expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({
    status: 200,
    type: MEDIA_TYPES.answer,
  })
  const reader = createBhttpReader('response')
  const events: BhttpEvent[] = []
  for (const chunk of await opener.push(answer.bytes)) events.push(...reader.push(chunk))
  events.push(...reader.push(await opener.end()), ...reader.end())
  const [head] = events.filter((event) => 'status' in event && event.type === 'response')
  if (head === undefined || !('status' in head)) throw new Error('no response inside')
  const content = events.flatMap((event) => (event.type === 'content' ? [event.bytes] : []))
  const text = Buffer.concat(content).toString()
  return {
    status: head.status,
    fields: new Map(head.fields),
    interim: events.filter(({ type }) => type === 'interim').length,
    text,
    json: JSON.parse(text) as Record<string, unknown>,
  }
}

/** Sends a request and decrypts its answer. */
export async function ask(
  gateway: { readonly url: string },
  options: RequestOptions = {},
): Promise<InnerResponse> {
  const sealed = await sealMessage(await keyConfigOf(gateway), options)
  return openInner(await postSealed(gateway, sealed.body), sealed.openAnswer())
}
