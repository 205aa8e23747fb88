import { keyBindingExtraData } from '@nomyo/attest'
import type { KeyRing } from '@nomyo/crypto'
import { fastifyRateLimit } from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import type { Attestor } from '../../attestation/attestor.js'
import { HttpError, errorBody } from '../../http-error.js'

const PATH = '/pki/attestation'
const NONCE_BYTES = 32
/** For each address, or each /64 of IPv6. Clients ask when they start and now and then. */
const REQUESTS_PER_MINUTE = 60
/** How many addresses are remembered; the one that was longest silent is forgotten first. */
const MAX_ADDRESSES = 5000
/**
 * Quotes that are waited for here. Anybody may ask, and a TPM does one thing after the other: so
 * many, and no more, can ever be ahead of the quote of an answer.
 */
const MAX_WAITING = 4
const RETRY_AFTER_S = 2

/**
 * `GET /pki/attestation?nonce=…`: a quote that vouches for the server key, before anything is sealed
 * for it. As open as the key itself.
 */
export function attestationRoute(
  server: FastifyInstance,
  serverKeys: KeyRing,
  attestor: Attestor,
): void {
  if (attestor.kind === 'none') {
    server.get(PATH, (_request, reply) =>
      // Else a cache might say so also when there is a TPM.
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
        // Taken once: the quote is for the key that goes with it, also when keys are rotated meanwhile.
        const { publicKey } = serverKeys.current
        const extraData = await keyBindingExtraData({ nonce, spki: publicKey.spkiDer })
        const evidence = await attestor.attest(extraData)
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
  // Encoded again, so that there is one spelling only.
  if (bytes.length === NONCE_BYTES && bytes.toString('base64url') === text) {
    return new Uint8Array(bytes)
  }
  throw new HttpError(400, 'nonce must be given once: 32 bytes in base64url, without padding')
}
