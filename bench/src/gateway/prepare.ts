import { randomUUID } from 'node:crypto'
import {
  importPrivateKey,
  importPublicKey,
  openJson,
  publicKeyToHeader,
  sealJson,
} from '@nomyo/crypto'
import { readKey } from '../harness/run-context.js'
import { chatRequest, checkEcho } from '../messages.js'

export type PreparedRequests = Awaited<ReturnType<typeof prepareRequests>>

/**
 * Prepares requests for a gateway: sealed in advance, because replays are refused. All callers share one
 * reply key, because generating one takes a second.
 */
export async function prepareRequests(url: string) {
  const serverKey = await importPublicKey(await (await fetch(`${url}/pki/public_key`)).text())
  const replyKeys = await importPrivateKey(readKey().privateKey)
  const publicKey = publicKeyToHeader(replyKeys.publicKey)
  const request = chatRequest('1 KB', 'ascii')
  const httpRequest = async (): Promise<Uint8Array> => {
    const body = await sealJson(request, serverKey)
    const head = [
      'POST /v1/chat/secure_completion HTTP/1.1',
      `host: ${new URL(url).host}`,
      'content-type: application/octet-stream',
      `content-length: ${body.length}`,
      `x-payload-id: ${randomUUID()}`,
      `x-public-key: ${publicKey}`,
    ]
    return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
  }
  return {
    /** Returns whole HTTP requests as bytes, for use once each. */
    make: async (count: number) => {
      const made: Uint8Array[] = []
      while (made.length < count) made.push(await httpRequest())
      return made
    },
    /** @throws Error for an answer that does not echo the request */
    check: async (answer: Uint8Array) => {
      const { value } = await openJson(answer, replyKeys.privateKey)
      const { choices } = value as { choices?: { message?: { content?: string } }[] }
      checkEcho(choices?.[0]?.message?.content, request)
    },
  }
}
