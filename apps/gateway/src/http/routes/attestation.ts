import { keyBindingExtraData, statementExtraData, type TpmAttestation } from '@nomyo/attest'
import type { KeyRing } from '@nomyo/crypto'
import { fastifyRateLimit } from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import type { Attestor } from '../../attestation/attestor.js'
import { HttpError, errorBody } from '../../http-error.js'
import type { Metrics } from '../../observability/metrics/metrics.js'
import type { RequestKeys } from '../../request-keys/request-keys.js'
import { current } from './key-statement.js'

const PATH = '/pki/attestation'
const NONCE_BYTES = 32
/** Per address, or per /64 of IPv6. Clients ask when they start, and rarely later. */
const REQUESTS_PER_MINUTE = 60
/** Number of addresses counted; the least recently active one is dropped first. */
const MAX_ADDRESSES = 5000
/**
 * Quotes in progress here. Any caller may ask, and a TPM works sequentially: this bounds the number of
 * quotes ahead of the quote of an answer.
 */
const MAX_WAITING = 4
const RETRY_AFTER_S = 2

/** Keys that the gateway attests, and their attestor. */
export interface AttestationContext {
  readonly serverKeys: KeyRing
  /** Undefined where wire 2 is not offered. */
  readonly requestKeys: RequestKeys | undefined
  readonly attestor: Attestor
  readonly metrics: Metrics
}

/**
 * Adds `GET /pki/attestation?nonce=…`: a quote that attests the server key before anything is encrypted
 * to it; with `&wire=2`, the key statement of wire 2. Requires no API key, like the keys themselves.
 */
export function attestationRoute(
  server: FastifyInstance,
  { serverKeys, requestKeys, attestor, metrics }: AttestationContext,
): void {
  if (attestor.kind === 'none') {
    server.get(PATH, (_request, reply) =>
      // A cached answer would outlive the installation of a TPM.
      reply
        .code(404)
        .header('cache-control', 'no-store')
        .send(errorBody('This gateway has no TPM')),
    )
    return
  }
  let waiting = 0
  void server.register(async (scope) => {
    await scope.register(fastifyRateLimit, {
      max: REQUESTS_PER_MINUTE,
      timeWindow: 60_000,
      cache: MAX_ADDRESSES,
      errorResponseBuilder: () => new HttpError(429, 'Too many requests for attestation'),
    })
    const quote = (extraData: Uint8Array): Promise<TpmAttestation> =>
      metrics.countQuote(() => attestor.attest(extraData))
    scope.get<{ Querystring: { nonce?: unknown; wire?: unknown } }>(
      PATH,
      async (request, reply) => {
        const nonce = parseNonce(request.query.nonce)
        const statementKeys = statementKeysOf(request.query.wire, requestKeys)
        if (waiting >= MAX_WAITING) {
          throw new HttpError(503, 'Too many are waiting for the TPM', RETRY_AFTER_S)
        }
        waiting++
        try {
          // Read once: the quote and the keys stay consistent when keys rotate meanwhile.
          if (statementKeys !== undefined) {
            const { statement, document } = await current(statementKeys)
            const evidence = await quote(await statementExtraData({ nonce, statement }))
            void reply.header('cache-control', 'no-store')
            return { ...publishedMembers(document), tpm_attestation: evidence }
          }
          const { publicKey } = serverKeys.current
          const extraData = await keyBindingExtraData({ nonce, spki: publicKey.spkiDer })
          const evidence = await quote(extraData)
          void reply.header('cache-control', 'no-store')
          return { public_key: publicKey.pem, tpm_attestation: evidence }
        } finally {
          waiting--
        }
      },
    )
  })
}

/** Returns the keys of wire 2 where they are the subject; undefined for the key of wire 1. */
function statementKeysOf(
  wire: unknown,
  requestKeys: RequestKeys | undefined,
): RequestKeys | undefined {
  if (wire === undefined) return undefined
  if (wire !== '2') throw new HttpError(400, 'wire must be 2, given once, or omitted')
  if (requestKeys === undefined) throw new HttpError(404, 'This gateway does not offer wire 2')
  return requestKeys
}

/** Returns the statement and its signatures as members of a larger object. */
const publishedMembers = (document: Uint8Array): object =>
  JSON.parse(new TextDecoder().decode(document)) as object

function parseNonce(text: unknown): Uint8Array {
  const bytes = Buffer.from(typeof text === 'string' ? text : '', 'base64url')
  // Encoded again, so that every nonce has one spelling only.
  if (bytes.length === NONCE_BYTES && bytes.toString('base64url') === text) {
    return new Uint8Array(bytes)
  }
  throw new HttpError(400, 'nonce must be given once: 32 bytes in base64url, without padding')
}
