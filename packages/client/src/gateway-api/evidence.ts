import { errorFromResponse, type Transport } from '@nomyo/transport'
import {
  bytes,
  invalidOption,
  readOptions,
  withDefault,
  type Check,
  type Values,
} from '../config/checks.js'
import { parseObject } from '../config/parse-object.js'
import { get, requestOptions, type GatewayRequestOptions } from './get.js'

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

/** Settings of every request for evidence. */
const evidenceOptions = () => ({
  ...requestOptions(),
  nonce: withDefault(checkNonce, crypto.getRandomValues(new Uint8Array(NONCE_BYTES))),
})

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
  const { nonce, ...request } = readOptions(options, evidenceOptions())
  const answer = await getEvidence(transport, { nonce, query: '' }, request)
  const publicKey = answer['public_key']
  return {
    evidence: evidenceIn(answer),
    nonce,
    publicKey: typeof publicKey === 'string' ? publicKey : undefined,
  }
}

/** Evidence for the key statement of wire 2, as received. **Nothing in it has been verified.** */
export interface StatementEvidence {
  /** The statement with its signatures, for `parseKeyStatement`; undefined where the response holds none. */
  readonly document: Uint8Array<ArrayBuffer> | undefined
  /** TPM evidence, to appraise with `@nomyo/attest`; undefined where the response holds none. */
  readonly evidence: unknown
  /** The nonce that the evidence must carry. */
  readonly nonce: Uint8Array
}

/** Settings of {@link fetchStatementEvidence}. */
export type FetchStatementEvidenceOptions = FetchKeyEvidenceOptions

/**
 * Requests evidence that the machine of a gateway published its key statement of wire 2, over a fresh
 * nonce, together with that very statement. The request carries no API key.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 * @throws APIError for a status other than 200; 404 where the gateway offers no evidence
 * @throws APIConnectionError when no complete response arrives in time
 *
 * @example
 * ```ts
 * import { appraise } from '@nomyo/attest'
 * import { fetchStatementEvidence } from '@nomyo/client/gateway-api'
 * import { parseKeyStatement } from '@nomyo/crypto/wire-2'
 * import { createHttpTransport, parseBaseUrl } from '@nomyo/transport'
 *
 * const transport = createHttpTransport({ baseUrl: parseBaseUrl('https://api.nomyo.ai') })
 * const { document, evidence, nonce } = await fetchStatementEvidence(transport)
 * if (document === undefined) throw new Error('The gateway does not speak wire 2.')
 * const { bytes: statement } = await parseKeyStatement(document, { now: Date.now() / 1000 })
 * const result = await appraise(evidence, {
 *   requiredPcrs: 'sha256:0,7',
 *   trust: 'none',
 *   nonce: { nonce, statement },
 *   now: new Date(),
 * })
 * console.log(result.tier)
 * ```
 */
export async function fetchStatementEvidence(
  transport: Transport,
  options: FetchStatementEvidenceOptions = {},
): Promise<StatementEvidence> {
  const { nonce, ...request } = readOptions(options, evidenceOptions())
  const answer = await getEvidence(transport, { nonce, query: '&wire=2' }, request)
  const { statement, signatures } = answer
  return {
    // Written again: only these members are verified, and kept.
    document:
      statement === undefined
        ? undefined
        : new TextEncoder().encode(JSON.stringify({ statement, signatures })),
    evidence: evidenceIn(answer),
    nonce,
  }
}

async function getEvidence(
  transport: Transport,
  { nonce, query }: { readonly nonce: Uint8Array; readonly query: string },
  request: Values<ReturnType<typeof requestOptions>>,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await get(
    transport,
    {
      path: `/pki/attestation?nonce=${base64url(nonce)}${query}`,
      headers: { accept: 'application/json' },
      maxResponseBytes: MAX_EVIDENCE_BYTES,
    },
    request,
  )
  if (response.status !== 200) throw errorFromResponse(response)
  return parseObject(response.body) ?? {}
}

const evidenceIn = (answer: Readonly<Record<string, unknown>>): unknown =>
  Object.hasOwn(answer, 'tpm_attestation') ? answer['tpm_attestation'] : undefined

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}
