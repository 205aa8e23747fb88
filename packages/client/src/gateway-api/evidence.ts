import { errorFromResponse, type Transport } from '@nomyo/transport'
import { bytes, invalidOption, readOptions, withDefault, type Check } from '../config/checks.js'
import { get, requestOptions, parseObject, type GatewayRequestOptions } from './get.js'

/** Evidence with every PCR of every bank takes under 20 KB. */
const MAX_EVIDENCE_BYTES = 64 * 1024
const NONCE_BYTES = 32

/** Evidence for the key of a gateway, as received. **Nothing in it has been verified.** */
export interface KeyEvidence {
  /** TPM evidence, to appraise with `@nomyo/attest`; undefined where the response holds none. */
  readonly evidence: unknown
  /** The nonce that the evidence must carry. */
  readonly nonce: Uint8Array
  /** PEM of the key that the gateway names, as received; undefined where it names none. */
  readonly publicKey: string | undefined
}

const checkNonce: Check<Uint8Array> = (value, name) => {
  if (bytes(value, name).length === NONCE_BYTES) return value as Uint8Array
  throw invalidOption(name, `must have ${String(NONCE_BYTES)} bytes`)
}

/** Settings of {@link fetchKeyEvidence}. */
export interface FetchKeyEvidenceOptions extends GatewayRequestOptions {
  /** 32 bytes that were never used before. Default: random. */
  readonly nonce?: Uint8Array | undefined
}

/**
 * Requests evidence that the machine of a gateway holds its public key, over a fresh nonce. The request
 * carries no API key.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 * @throws APIError for a status other than 200; 404 where the gateway offers no evidence
 * @throws APIConnectionError when no complete response arrives in time
 *
 * @example
 * ```ts
 * import { appraise } from '@nomyo/attest'
 * import { fetchKeyEvidence, fetchPublicKey } from '@nomyo/client/gateway-api'
 * import { createHttpTransport, parseBaseUrl } from '@nomyo/transport'
 *
 * const transport = createHttpTransport({ baseUrl: parseBaseUrl('https://api.nomyo.ai') })
 * const { key } = await fetchPublicKey(transport)
 * const { evidence, nonce } = await fetchKeyEvidence(transport)
 * const result = await appraise(evidence, {
 *   requiredPcrs: 'sha256:0,7',
 *   trust: 'none',
 *   nonce: { nonce, spki: key.spkiDer },
 *   now: new Date(),
 * })
 * console.log(result.tier)
 * ```
 */
export async function fetchKeyEvidence(
  transport: Transport,
  options: FetchKeyEvidenceOptions = {},
): Promise<KeyEvidence> {
  const { nonce, ...request } = readOptions(options, {
    ...requestOptions(),
    nonce: withDefault(checkNonce, crypto.getRandomValues(new Uint8Array(NONCE_BYTES))),
  })
  const response = await get(
    transport,
    {
      path: `/pki/attestation?nonce=${base64url(nonce)}`,
      headers: { accept: 'application/json' },
      maxResponseBytes: MAX_EVIDENCE_BYTES,
    },
    request,
  )
  if (response.status !== 200) throw errorFromResponse(response)
  const answer = parseObject(response.body) ?? {}
  const publicKey = answer['public_key']
  return {
    evidence: Object.hasOwn(answer, 'tpm_attestation') ? answer['tpm_attestation'] : undefined,
    nonce,
    publicKey: typeof publicKey === 'string' ? publicKey : undefined,
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}
