import { randomUUID } from 'node:crypto'
import {
  generateKeyPair,
  importPublicKey,
  openJson,
  publicKeyToHeader,
  sealJson,
} from '@nomyo/crypto'

/** Requests sealed beforehand, since one that comes again is refused, and answers that are checked. */
export interface PreparedRequests {
  /** Seals so many, for use once each. */
  seal(count: number): Promise<Uint8Array[]>
  /** The headers of a client, with another payload id each time. */
  headers(): Record<string, string>
  /** @throws Error for an answer that does not say what the request did */
  check(answer: Uint8Array): Promise<void>
  /** How many were. */
  opened(): number
}

const CONTENT = 'A question of some length. '.repeat(40)

/** For the gateway at this URL. */
export async function prepareRequests(url: string): Promise<PreparedRequests> {
  const serverKey = await importPublicKey(await (await fetch(`${url}/pki/public_key`)).text())
  const client = await generateKeyPair()
  const publicKey = publicKeyToHeader(client.publicKey)
  const request = { model: 'nomyo/echo', messages: [{ role: 'user', content: CONTENT }] }
  let opened = 0
  return {
    seal: async (count) => {
      const sealed: Uint8Array[] = []
      while (sealed.length < count) sealed.push(await sealJson(request, serverKey))
      return sealed
    },
    headers: () => ({
      'content-type': 'application/octet-stream',
      'x-payload-id': randomUUID(),
      'x-public-key': publicKey,
    }),
    check: async (answer) => {
      const { value } = await openJson(answer, client.privateKey)
      const { choices } = value as { choices?: { message?: { content?: string } }[] }
      if (choices?.[0]?.message?.content !== CONTENT)
        throw new Error('an answer of another request')
      opened++
    },
    opened: () => opened,
  }
}
