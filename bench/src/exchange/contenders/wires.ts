import { importPrivateKey, openEnvelope, openJson, sealEnvelope, sealJson } from '@nomyo/crypto'
import {
  createBhttpReader,
  createRequestKey,
  createWholeResponse,
  encodeKeyList,
  encodeRequestParts,
  loadHybridKem,
  openRequest,
  parseKeyList,
  sealRequest,
  type ChunkOpener,
} from '@nomyo/crypto/wire-2'
import { readKey } from '../../harness/run-context.js'
import { decode, encode, type ExchangeContender, type Text } from '../contender.js'

/** Wire 1 of both ends, with their defaults. */
export async function wire1(): Promise<ExchangeContender> {
  const server = await importPrivateKey(readKey('other').privateKey)
  const client = await importPrivateKey(readKey().privateKey)
  return {
    exchange: async (value) => {
      const request = await sealJson(value, server.publicKey)
      const { plaintext } = await openEnvelope(request, server.privateKey)
      const answer = await sealEnvelope(plaintext, client.publicKey)
      return (await openJson(answer, client.privateKey)).value
    },
  }
}

/** The limits in the key statement of a gateway. */
const LIMITS = { maxChunk: 131_072, maxBytes: 32 * 1024 * 1024 }
/** Bytes that a socket hands over at a time. */
const PART_BYTES = 65_536
const FIELDS = [
  ['date', 'Sat, 28 Nov 2026 12:00:00 GMT'],
  ['authorization', 'Bearer 0123456789abcdef'],
  ['idempotency-key', '00000000-0000-4000-8000-000000000000'],
  ['content-type', 'application/json'],
] as const

/** Wire 2 of both ends, with the best KEM of this Node, all headers and padding. */
export async function wire2(): Promise<ExchangeContender> {
  const kem = await loadHybridKem()
  const key = await createRequestKey(kem, { id: 1 })
  const [config] = parseKeyList(encodeKeyList([key]))
  if (config === undefined) throw new Error('the key list is empty')
  return {
    exchange: async (value) => {
      const message = encodeRequestParts({
        method: 'POST',
        scheme: 'https',
        authority: 'gateway.example',
        path: '/v1/chat/completions',
        fields: FIELDS,
        content: encode(value),
      })
      const { body, openAnswer } = await sealRequest(kem, config, message, LIMITS)
      const request = openRequest([key], LIMITS)
      const content = await readContent('request', request, [body])

      const { head, seal } = await request.sealAnswer(LIMITS)
      const fields = FIELDS.slice(-1)
      const response = createWholeResponse().finalParts({ status: 200, fields, content })
      const answer = await seal(response, { final: true })
      return decode(await readContent('response', openAnswer(LIMITS), [head, answer]))
    },
  }
}

/** Decrypts a message as it comes from a socket, and returns its content. */
async function readContent(
  kind: 'request' | 'response',
  opener: ChunkOpener,
  message: readonly Uint8Array[],
): Promise<Text> {
  const reader = createBhttpReader(kind)
  const contents: Uint8Array[] = []
  const take = (events: ReturnType<typeof reader.end>): void => {
    for (const event of events) if (event.type === 'content') contents.push(event.bytes)
  }
  for (const bytes of message) {
    for (let at = 0; at < bytes.length; at += PART_BYTES) {
      for (const chunk of await opener.push(bytes.subarray(at, at + PART_BYTES))) {
        take(reader.push(chunk))
      }
    }
  }
  take(reader.push(await opener.end()))
  take(reader.end())
  return Buffer.concat(contents)
}
