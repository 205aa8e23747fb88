import { keyBindingExtraData, statementExtraData, type TpmAttestation } from '@nomyo/attest'
import type { KeyRing } from '@nomyo/crypto'
import type { FastifyInstance } from 'fastify'
import type { Attestor } from '../../attestation/attestor.js'
import { HttpError, errorBody } from '../../http-error.js'
import type { Metrics } from '../../observability/metrics/metrics.js'
import type { RequestKeys } from '../../request-keys/request-keys.js'
import { costlyRoutes } from '../costly-routes.js'
import { current } from './key-statement.js'

const PATH = '/pki/attestation'
const NONCE_BYTES = 32

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
  const quote = (extraData: Uint8Array): Promise<TpmAttestation> =>
    metrics.countQuote(() => attestor.attest(extraData))
  costlyRoutes(server, 'the TPM', (scope, bounded) => {
    scope.get<{ Querystring: { nonce?: unknown; wire?: unknown } }>(PATH, (request, reply) => {
      const nonce = parseNonce(request.query.nonce)
      const statementKeys = statementKeysOf(request.query.wire, requestKeys)
      return bounded(async () => {
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
      })
    })
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
