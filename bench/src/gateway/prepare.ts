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
import type { RawAnswer } from './raw-connection.js'

/** A whole HTTP request as bytes, for use once, and a check of its answer. */
export interface PreparedRequest {
  readonly bytes: Uint8Array
  /** @throws Error for an answer that does not echo the request */
  readonly check: (answer: RawAnswer) => Promise<void>
}

export interface PreparedRequests {
  readonly make: (count: number) => Promise<PreparedRequest[]>
}

/**
 * Prepares requests for a gateway: sealed in advance, because replays are refused. All callers share one
 * reply key, because generating one takes a second.
 */
export async function prepareRequests(
  url: string,
  { apiKey }: { readonly apiKey?: string } = {},
): Promise<PreparedRequests> {
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
      ...(apiKey === undefined ? [] : [`authorization: Bearer ${apiKey}`]),
    ]
    return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
  }
  const check = async ({ body }: RawAnswer): Promise<void> => {
    const { value } = await openJson(body, replyKeys.privateKey)
    const { choices } = value as { choices?: { message?: { content?: string } }[] }
    checkEcho(choices?.[0]?.message?.content, request)
  }
  return {
    make: async (count) => {
      const made: PreparedRequest[] = []
      while (made.length < count) made.push({ bytes: await httpRequest(), check })
      return made
    },
  }
}
