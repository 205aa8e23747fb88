import { importPublicKey } from '@nomyo/crypto'
import {
  createHttpTransport,
  errorFromResponse,
  parseBaseUrl,
  startDeadline,
} from '@nomyo/transport'
import { UsageError } from '../exit-codes.js'

/** What a gateway answered to a fresh nonce. */
export interface GatewayAnswer {
  readonly evidence: unknown
  readonly nonce: Uint8Array
  /** DER of the key it says it vouches for. */
  readonly spki: Uint8Array
  /** `sha256/…` of that key, as pins are written. */
  readonly fingerprint: string
}

const MAX_ANSWER_BYTES = 64 * 1024
const TIMEOUT_MS = 30_000

/**
 * Asks a gateway to vouch for its encryption key.
 *
 * @throws UsageError for a URL that is none, or http:// without `allowHttp`
 * @throws APIError, APIConnectionError when it does not answer
 */
export async function askGateway(url: string, allowHttp: boolean): Promise<GatewayAnswer> {
  const baseUrl = parseBaseUrl(url)
  if (baseUrl.protocol === 'http:' && !allowHttp) {
    throw new UsageError('http:// can be read and changed by anybody on the way; add --allow-http')
  }
  const nonce = crypto.getRandomValues(new Uint8Array(32))
  const deadline = startDeadline(TIMEOUT_MS)
  const transport = createHttpTransport({ baseUrl })
  try {
    const response = await transport.send({
      method: 'GET',
      path: `/pki/attestation?nonce=${Buffer.from(nonce).toString('base64url')}`,
      headers: { accept: 'application/json' },
      maxResponseBytes: MAX_ANSWER_BYTES,
      signal: deadline.signal,
    })
    if (response.status !== 200) throw errorFromResponse(response)
    const answer = JSON.parse(new TextDecoder().decode(response.body)) as Record<string, unknown>
    const key = await importPublicKey(String(answer['public_key']), { minBits: 2048 })
    return {
      evidence: answer['tpm_attestation'],
      nonce,
      spki: key.spkiDer,
      fingerprint: key.fingerprint,
    }
  } finally {
    deadline.clear()
  }
}
