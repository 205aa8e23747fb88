import { randomUUID } from 'node:crypto'
import {
  importPrivateKey,
  importPublicKey,
  openJson,
  publicKeyToHeader,
  sealJson,
  type KeyPair,
  type PublicKey,
} from '@nomyo/crypto'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { onTestFinished } from 'vitest'
import { startTestGateway, type TestGateway } from '../src/index.js'
import type { TestGatewayOptions } from '../src/index.js'

/** Starts a gateway for one test, with the server key of the vectors. */
export async function gatewayFor(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startTestGateway({ serverKey: await serverKey(), ...options })
  onTestFinished(() => gateway.close())
  return gateway
}

/** The server key of the vectors. */
export const serverKey = (): Promise<KeyPair> => importPrivateKey(keyPem('keys/server.private.pem'))

/** The key that answers are encrypted to. */
export const replyKey = (): Promise<KeyPair> => importPrivateKey(keyPem('keys/other.private.pem'))

/** Deviations of a request from that of a correct client. */
export interface Ask {
  request?: Record<string, unknown>
  headers?: Record<string, string>
  envelope?: Uint8Array<ArrayBuffer>
  encryptTo?: PublicKey
  signal?: AbortSignal
}

export const hello = { model: 'nomyo/echo', messages: [{ role: 'user', content: 'Hello!' }] }

/** Sends one encrypted request, as the protocol requires and no more. */
export async function post(gateway: TestGateway, ask: Ask = {}): Promise<Response> {
  const encryptTo = ask.encryptTo ?? (await serverKeyOf(gateway))
  const body = ask.envelope ?? (await sealJson(ask.request ?? hello, encryptTo))
  return fetch(`${gateway.url}/v1/chat/secure_completion`, {
    method: 'POST',
    redirect: 'manual',
    headers: {
      'content-type': 'application/octet-stream',
      'x-payload-id': randomUUID(),
      'x-public-key': publicKeyToHeader((await replyKey()).publicKey),
      ...ask.headers,
    },
    body,
    ...(ask.signal === undefined ? {} : { signal: ask.signal }),
  })
}

/** Sends a request and decrypts its answer. */
export async function complete(
  gateway: TestGateway,
  ask: Ask = {},
): Promise<Record<string, unknown>> {
  return open(await post(gateway, ask))
}

export async function open(response: Response): Promise<Record<string, unknown>> {
  const envelope = new Uint8Array(await response.arrayBuffer())
  return (await openJson(envelope, (await replyKey()).privateKey)).value
}

export const fetchKey = (gateway: TestGateway, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/pki/public_key`, { headers, redirect: 'manual' })

export async function serverKeyOf(gateway: TestGateway): Promise<PublicKey> {
  return importPublicKey(await (await fetchKey(gateway)).text())
}
