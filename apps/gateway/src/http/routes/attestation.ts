import { keyBindingExtraData } from '@nomyo/attest'
import type { KeyRing } from '@nomyo/crypto'
import { fastifyRateLimit } from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import type { Attestor } from '../../attestation/attestor.js'
import { HttpError, errorBody } from '../../http-error.js'
import type { Metrics } from '../../observability/metrics/metrics.js'

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

/**
 * Adds `GET /pki/attestation?nonce=…`: a quote that attests the server key before anything is encrypted
 * to it. Requires no API key, like the key itself.
 */
export function attestationRoute(
  server: FastifyInstance,
  serverKeys: KeyRing,
  attestor: Attestor,
  metrics: Metrics,
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
    scope.get<{ Querystring: { nonce?: unknown } }>(PATH, async (request, reply) => {
      const nonce = parseNonce(request.query.nonce)
      if (waiting >= MAX_WAITING) {
        throw new HttpError(503, 'Too many are waiting for the TPM', RETRY_AFTER_S)
      }
      waiting++
      try {
        // Read once: the quote and the key stay consistent when keys rotate meanwhile.
        const { publicKey } = serverKeys.current
        const extraData = await keyBindingExtraData({ nonce, spki: publicKey.spkiDer })
        const evidence = await metrics.countQuote(() => attestor.attest(extraData))
        void reply.header('cache-control', 'no-store')
        return { public_key: publicKey.pem, tpm_attestation: evidence }
      } finally {
        waiting--
      }
    })
  })
}

function parseNonce(text: unknown): Uint8Array {
  const bytes = Buffer.from(typeof text === 'string' ? text : '', 'base64url')
  // Encoded again, so that every nonce has one spelling only.
  if (bytes.length === NONCE_BYTES && bytes.toString('base64url') === text) {
    return new Uint8Array(bytes)
  }
  throw new HttpError(400, 'nonce must be given once: 32 bytes in base64url, without padding')
}
