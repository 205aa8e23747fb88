import type { NonceExpectation } from '@nomyo/attest'
import { UsageError } from '../exit-codes.js'
import type { Arguments } from './arguments.js'
import type { Source } from './source.js'

/** Flags by which people say what evidence was made for. */
export const EXPECTATION_FLAGS = {
  'payload-id': 'text',
  'raw-payload-id': 'flag',
  'extra-data': 'text',
  nonce: 'text',
} as const

/**
 * What the quote must have been made for, from the flags and from what the source says of itself.
 *
 * @throws UsageError when nobody says
 */
export function readExpectation(args: Arguments, source: Source): NonceExpectation {
  const [payloadId, extraData, nonce] = ['payload-id', 'extra-data', 'nonce'].map(args.text)
  const mode = args.flag('raw-payload-id') ? 'raw' : 'sha256'
  const given = [payloadId, extraData, nonce].filter((value) => value !== undefined)
  if (given.length > 1) {
    throw new UsageError('give one of --payload-id, --extra-data and --nonce')
  }
  if (source.gateway !== undefined) {
    if (given.length > 0) {
      throw new UsageError('a gateway is asked with a nonce of its own; leave yours out')
    }
    return { nonce: source.gateway.nonce, spki: source.gateway.spki }
  }
  if (payloadId !== undefined) return { payloadId, mode }
  if (extraData !== undefined) return { extraData: fromHex(extraData) }
  if (nonce !== undefined) {
    if (source.spki === undefined) {
      throw new UsageError('--nonce is for what GET /pki/attestation answered, with its public_key')
    }
    return { nonce: Buffer.from(nonce, 'base64url'), spki: source.spki }
  }
  if (source.payloadId !== undefined) return { payloadId: source.payloadId, mode }
  throw new UsageError(
    'say what the evidence was made for: --payload-id, --extra-data or --nonce; without it, any old ' +
      'evidence would do',
  )
}

function fromHex(text: string): Uint8Array {
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) return Buffer.from(text, 'hex')
  throw new UsageError('--extra-data must be hex')
}
