import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { keyPem } from '@nomyo-internal/testing/vectors'

/** Failure of {@link LegacyClient}: status and text of the gateway. */
export class LegacyError extends Error {
  readonly status: number
  readonly detail: string

  constructor(status: number, detail: string) {
    super(`${status} ${detail}`)
    this.status = status
    this.detail = detail
  }
}

interface Envelope {
  readonly algorithm: string
  readonly encrypted_payload: { readonly ciphertext: string; readonly nonce: string }
  readonly encrypted_aes_key: string
  readonly processed_at?: number
}

type Json = Record<string, unknown>

const TAG_BYTES = 16

/**
 * Client that behaves as nomyo-js 0.1.0 does on the wire, written with `node:crypto` alone: the tag at
 * the end of the ciphertext in both directions, a tier only inside of the envelope, ids of its own form,
 * the key of the server fetched for every request.
 */
export class LegacyClient {
  readonly #baseUrl: string
  readonly #apiKey: string | undefined
  readonly #privateKey = createPrivateKey(keyPem('keys/client.private.pem'))
  #requests = 0

  constructor({ baseUrl, apiKey }: { readonly baseUrl: string; readonly apiKey?: string }) {
    this.#baseUrl = baseUrl.replace(/\/$/, '')
    this.#apiKey = apiKey
  }

  /** @throws LegacyError for every status but 200 */
  async create(request: Json): Promise<Json> {
    const { api_key: apiKey = this.#apiKey, ...payload } = request
    const payloadId = `openai-compat-${Date.now()}-${(++this.#requests).toString(36)}`
    const body = await this.seal(payload)
    const answer = await exchange('POST', `${this.#baseUrl}/v1/chat/secure_completion`, body, {
      'X-Payload-ID': payloadId,
      'X-Public-Key': encodeURIComponent(this.#publicPem()),
      'Content-Type': 'application/octet-stream',
      ...(typeof apiKey === 'string' ? { Authorization: `Bearer ${apiKey}` } : {}),
    })
    if (answer.status !== 200) throw refusal(answer)
    return this.#open(answer.body, payloadId)
  }

  async acreate(request: Json): Promise<Json> {
    return this.create(request)
  }

  /** Encrypts a payload to the key that the gateway serves. */
  async seal(payload: Json): Promise<string> {
    const served = await exchange('GET', `${this.#baseUrl}/pki/public_key`)
    if (served.status !== 200) throw refusal(served)
    const [aesKey, nonce] = [randomBytes(32), randomBytes(12)]
    const cipher = createCipheriv('aes-256-gcm', aesKey, nonce)
    const sealed = [cipher.update(JSON.stringify(payload)), cipher.final(), cipher.getAuthTag()]
    const key = oaep(createPublicKey(served.body.toString()))
    return JSON.stringify({
      version: '1.0',
      algorithm: 'hybrid-aes256-rsa4096',
      encrypted_payload: {
        ciphertext: Buffer.concat(sealed).toString('base64'),
        nonce: nonce.toString('base64'),
      },
      encrypted_aes_key: publicEncrypt(key, aesKey).toString('base64'),
      key_algorithm: 'RSA-OAEP-SHA256',
      payload_algorithm: 'AES-256-GCM',
    })
  }

  #open(body: Buffer, payloadId: string): Json {
    const envelope = JSON.parse(body.toString()) as Envelope
    const [ciphertext, nonce, wrappedKey] = [
      envelope.encrypted_payload.ciphertext,
      envelope.encrypted_payload.nonce,
      envelope.encrypted_aes_key,
    ].map((base64) => Buffer.from(base64, 'base64')) as [Buffer, Buffer, Buffer]
    const aesKey = privateDecrypt(oaep(this.#privateKey), wrappedKey)
    // WebCrypto, which 0.1 uses, takes the last bytes as the tag: a member of that name is never read.
    const decipher = createDecipheriv('aes-256-gcm', aesKey, nonce, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES))
    const parts = [decipher.update(ciphertext.subarray(0, -TAG_BYTES)), decipher.final()]
    const value = JSON.parse(Buffer.concat(parts).toString()) as Json
    return {
      ...value,
      _metadata: {
        ...(value['_metadata'] as Json | undefined),
        payload_id: payloadId,
        processed_at: envelope.processed_at,
        is_encrypted: true,
        encryption_algorithm: envelope.algorithm,
      },
    }
  }

  /** PEM without the newline at the end, as 0.1 writes it. */
  #publicPem(): string {
    const pem = createPublicKey(this.#privateKey).export({ type: 'spki', format: 'pem' })
    return pem.toString().trimEnd()
  }
}

const oaep = (key: KeyObject) => ({
  key,
  oaepHash: 'sha256',
  padding: constants.RSA_PKCS1_OAEP_PADDING,
})

interface Answered {
  readonly status: number
  readonly body: Buffer
}

/** The text that 0.1 shows: `detail` of a JSON body, else a fixed one. */
function refusal({ status, body }: Answered): LegacyError {
  let detail: unknown
  try {
    detail = (JSON.parse(body.toString()) as Json)['detail']
  } catch {
    // Not JSON.
  }
  return new LegacyError(status, typeof detail === 'string' ? detail : 'Unknown error')
}

async function exchange(
  method: string,
  url: string,
  body = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const length = body === '' ? {} : { 'Content-Length': Buffer.byteLength(body) }
  const request = httpRequest(url, { method, headers: { ...headers, ...length }, agent: false })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, body: await buffer(response) }
}
