import { randomUUID } from 'node:crypto'
import {
  GATEWAY_PATH,
  MEDIA_TYPES,
  createBhttpReader,
  encodeRequestParts,
  loadHybridKem,
  parseKeyList,
  sealRequest,
  type SealedRequest,
} from '@nomyo/crypto/wire-2'
import { chatRequest, checkEcho, type ChatRequest } from '../messages.js'
import type { PreparedRequests } from './prepare.js'
import type { RawAnswer } from './raw-connection.js'

/** A chat request with any further members. */
type AnyChatRequest = Pick<ChatRequest, 'messages'> & Readonly<Record<string, unknown>>

/** Prepares requests of wire 2; see `prepareRequests`. */
export async function prepareWire2(
  url: string,
  {
    apiKey,
    request = { ...chatRequest('1 KB', 'ascii') },
  }: { readonly apiKey?: string; readonly request?: AnyChatRequest } = {},
): Promise<PreparedRequests> {
  const content = new TextEncoder().encode(JSON.stringify(request))
  const kem = await loadHybridKem()
  const list = await fetch(url + GATEWAY_PATH, { headers: { accept: MEDIA_TYPES.keyList } })
  const config = parseKeyList(new Uint8Array(await list.arrayBuffer())).find(
    ({ kemId }) => kemId === kem.id,
  )
  if (config === undefined) throw new Error('the gateway has no key for wire 2')
  const { host } = new URL(url)
  const authorization = apiKey === undefined ? [] : [['authorization', `Bearer ${apiKey}`] as const]
  const make = async () => {
    const sealed = await sealRequest(
      kem,
      config,
      encodeRequestParts({
        method: 'POST',
        scheme: 'https',
        authority: host,
        path: '/v1/chat/completions',
        fields: [
          ['date', new Date().toUTCString()],
          ...authorization,
          ['idempotency-key', randomUUID()],
          ['content-type', 'application/json'],
        ],
        content,
      }),
      { maxChunk: 65_536 },
    )
    return { bytes: httpRequest(host, sealed), check: checker(sealed) }
  }
  const checker =
    ({ openAnswer }: SealedRequest) =>
    async ({ body }: RawAnswer): Promise<void> => {
      const opener = openAnswer()
      const reader = createBhttpReader('response')
      const events = [...(await opener.push(body)), await opener.end()].flatMap(reader.push)
      events.push(...reader.end())
      const contents = events.flatMap((event) => (event.type === 'content' ? [event.bytes] : []))
      const { choices } = JSON.parse(Buffer.concat(contents).toString()) as {
        choices?: { message?: { content?: string } }[]
      }
      checkEcho(choices?.[0]?.message?.content, request)
    }
  return {
    make: async (count) => {
      const made = []
      while (made.length < count) made.push(await make())
      return made
    },
  }
}

function httpRequest(host: string, { body }: SealedRequest): Uint8Array {
  const head = [
    `POST ${GATEWAY_PATH} HTTP/1.1`,
    `host: ${host}`,
    `content-type: ${MEDIA_TYPES.request}`,
    `content-length: ${body.length}`,
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
}
