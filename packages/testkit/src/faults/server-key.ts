import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { sendPem } from '../gateway/send.js'
import { checkNumber, checkOptions, httpFault, type HttpFault } from './fault.js'

/**
 * Serves a well-formed PEM without a key inside.
 *
 * A correct client throws `SecurityError` with `ERR_KEY_INVALID`, and encrypts nothing.
 */
export function garbageKey(): HttpFault {
  const pem = '-----BEGIN PUBLIC KEY-----\nbm90IGEga2V5\n-----END PUBLIC KEY-----\n'
  return httpFault('garbageKey', ({ response }) => {
    sendPem(response, pem)
  })
}

/**
 * Serves an RSA key that is too small: 1024 bits by default.
 *
 * A correct client throws `SecurityError` with `ERR_KEY_WEAK`, and encrypts nothing to it.
 */
export function weakKey(options: { bits?: number } = {}): HttpFault {
  const { bits = 1024 } = checkOptions(options)
  checkNumber('bits', bits, 512)
  return httpFault('weakKey', async ({ response }) => {
    const { publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: bits })
    sendPem(response, publicKey.export({ type: 'spki', format: 'pem' }).toString())
  })
}
