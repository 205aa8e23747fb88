import { UsageError, defineOptions, matching, type Call } from '@nomyo-internal/command-line'
import type { NonceExpectation } from '@nomyo/attest'
import { subjectOf } from '../../gateway/attest-gateway.js'
import type { Source } from './evidence-source.js'

/** Options that state what evidence was made for; a saved answer has its own payload id. */
export const EXPECTATION_OPTIONS = defineOptions(
  {
    payloadId: { value: 'ID', summary: 'the request that it answers' },
    extraData: {
      value: 'HEX',
      summary: 'exactly these bytes',
      parse: matching(/^(?:[0-9a-f]{2})+$/i, 'must be hex'),
    },
    nonce: { value: 'NONCE', summary: 'base64url, as sent to /pki/attestation' },
  },
  { group: 'Purpose of evidence in a file' },
)

/**
 * Determines what the quote must have been made for, from options and source.
 *
 * @throws UsageError when neither states it
 */
export function readExpectation(
  { settings }: Pick<Call<typeof EXPECTATION_OPTIONS>, 'settings'>,
  source: Source,
): NonceExpectation {
  const { payloadId, extraData, nonce } = settings.values
  const mode = 'sha256'
  const given = [payloadId, extraData, nonce].filter((value) => value !== undefined)
  if (given.length > 1) {
    throw new UsageError('give one of --payload-id, --extra-data and --nonce')
  }
  if (source.gateway !== undefined) {
    if (given.length > 0) {
      throw new UsageError(
        'a gateway receives a fresh nonce: omit --payload-id, --extra-data, --nonce',
      )
    }
    return subjectOf(source.gateway)
  }
  if (payloadId !== undefined) return { payloadId, mode }
  if (extraData !== undefined) return { extraData: Buffer.from(extraData, 'hex') }
  if (nonce !== undefined) {
    const bytes = Buffer.from(nonce, 'base64url')
    if (source.statement !== undefined) return { nonce: bytes, statement: source.statement }
    if (source.spki !== undefined) return { nonce: bytes, spki: source.spki }
    throw settings.mistake(
      'nonce',
      'needs the answer to GET /pki/attestation, with its public_key or statement',
    )
  }
  if (source.payloadId !== undefined) return { payloadId: source.payloadId, mode }
  throw new UsageError(
    'state what the evidence was made for: --payload-id, --extra-data or --nonce; without it, any ' +
      'old evidence would do',
  )
}
