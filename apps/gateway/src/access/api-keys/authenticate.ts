import { HttpError } from '../../http-error.js'
import { cacheSecretOf } from './cache-salt.js'
import type { ApiKeyIndex } from './api-key-index.js'
import type { ApiKey } from './api-key.js'

/** API key of a caller without its hash; empty where no key is required. */
export type Identity = Partial<Omit<ApiKey, 'name' | 'salt' | 'hash'>> & {
  /** Name of the key; undefined where no key is required. */
  readonly keyName?: string
  /** Secret of the prompt cache of this key; undefined where no key is required. */
  readonly cacheSecret?: Uint8Array
}

/**
 * Identifies the caller by the bearer token in an `Authorization` header. Without configured keys
 * (undefined), every request passes.
 *
 * @throws HttpError 401
 */
export async function authenticate(
  authorization: string | undefined,
  keys: ApiKeyIndex | undefined,
): Promise<Identity> {
  if (keys === undefined) return {}
  const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) {
    throw new HttpError(401, 'An API key is required: Authorization: Bearer <key>')
  }
  const match = await keys.find(token)
  if (match === undefined) throw new HttpError(401, 'Invalid API key')
  const { name: keyName, salt: _salt, hash: _hash, ...restrictions } = match
  return { keyName, cacheSecret: cacheSecretOf(token), ...restrictions }
}
