import { createHmac } from 'node:crypto'

const LABEL = 'nomyo cache salt v1'

/**
 * Derives the secret from which an API key has its prompt-cache salts. Every gateway derives the same one,
 * and the key cannot be computed from it.
 */
export const cacheSecretOf = (apiKey: string): Uint8Array =>
  createHmac('sha256', apiKey).update(LABEL).digest()

/**
 * Creates the `cache_salt` of a request: prompts share a prefix cache only under equal salts. The salt that
 * a caller sent divides its own cache further, and cannot reach that of another key.
 *
 * @returns 43 characters of base64url
 */
export const cacheSalt = (secret: Uint8Array, ownSalt: unknown): string =>
  createHmac('sha256', secret)
    .update(typeof ownSalt === 'string' ? ownSalt : '')
    .digest('base64url')
