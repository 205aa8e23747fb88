import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { sendPem } from '../send.js'
import { checkNumber, httpFault, type HttpFault } from './fault.js'

/**
 * Something with the outward form of a PEM, and no key inside.
 *
 * A correct client throws `SecurityError` with `ERR_KEY_INVALID`, and seals nothing.
 */
export function garbageKey(): HttpFault {
  const pem = '-----BEGIN PUBLIC KEY-----\nbm90IGEga2V5\n-----END PUBLIC KEY-----\n'
  return httpFault('garbageKey', ({ response }) => {
    sendPem(response, pem)
  })
}

/**
 * An RSA key that is too small: 1024 bits by default.
 *
 * A correct client throws `SecurityError` with `ERR_KEY_WEAK`, and seals nothing for it.
 */
export function weakKey({ bits = 1024 }: { bits?: number } = {}): HttpFault {
  checkNumber('bits', bits, 512)
  return httpFault('weakKey', async ({ response }) => {
    const { publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: bits })
    sendPem(response, publicKey.export({ type: 'spki', format: 'pem' }).toString())
  })
}
