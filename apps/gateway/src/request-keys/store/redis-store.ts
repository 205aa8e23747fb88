import { createCipheriv, createDecipheriv, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { GatewayError } from '../../errors.js'
import type { RedisClient } from '../../redis/client.js'
import type { RedisConnection } from '../../redis/connection.js'
import { answered } from '../../server-keys/redis-store.js'
import { SECRET_BYTES, type GenerationSecret } from '../generation.js'
import type { Schedule } from '../schedule.js'
import type { RequestKeyStore } from './request-key-store.js'

/** Connection, and the password that encrypts secrets before they leave this process. */
export interface RedisRequestKeyOptions {
  readonly redis: RedisConnection
  readonly password: string
  readonly schedule: Schedule
}

export const REQUEST_KEYS_PREFIX = 'nomyo:request-keys:'
/** As for the key files. */
const PBKDF2_ROUNDS = 600_000
const SALT_BYTES = 16
const NONCE_BYTES = 12
const TAG_BYTES = 16
const PLAINTEXT_BYTES = 1 + SECRET_BYTES

/**
 * Creates a store in Redis: a key per period, which expires when its request keys decrypt nothing any more.
 * The first secret of a period counts on every gateway.
 */
export function createRedisRequestKeyStore({
  redis,
  password,
  schedule,
}: RedisRequestKeyOptions): RequestKeyStore {
  const run = <T>(command: (client: RedisClient) => Promise<T>): Promise<T> =>
    answered(redis.run('keys', 'request keys', command))
  // Gateways with other periods have other keys.
  const nameOf = (period: number): string =>
    `${REQUEST_KEYS_PREFIX}${String(schedule.periodMs)}:${String(period)}`
  const put = (period: number, record: string): Promise<unknown> => {
    const lifeMs = Math.max(1, Math.ceil(schedule.releaseOf(period) - Date.now()))
    return run((client) => client.set(nameOf(period), record, 'PX', lifeMs, 'NX'))
  }
  const get = (period: number): Promise<string | null> =>
    run((client) => client.get(nameOf(period)))
  /** Encrypted secrets that were read, to notice others and to restore them. */
  const known = new Map<number, string>()
  /** Records that were refused, so that they are not decrypted at every poll. */
  const refused = new Map<number, string>()
  const decryptOnce = async (period: number, record: string): Promise<GenerationSecret> => {
    const isRefused = refused.get(period) === record
    const secret = isRefused ? undefined : await decrypt(record, nameOf(period), password)
    if (secret === undefined) {
      refused.set(period, record)
      throw new GatewayError(
        'ERR_KEY_STORE',
        `${nameOf(period)} in Redis was altered, or encrypted with another password: delete it if you ` +
          'changed the password of all gateways.',
      )
    }
    known.set(period, record)
    return secret
  }
  return {
    shared: true,
    load: async (periods) => {
      for (const records of [known, refused]) {
        for (const period of records.keys()) {
          if (!periods.includes(period)) records.delete(period)
        }
      }
      const records = await Promise.all(periods.map(get))
      const secrets = new Map<number, GenerationSecret>()
      const failures: unknown[] = []
      for (const [at, period] of periods.entries()) {
        const record = records[at]
        const own = known.get(period)
        if (record === own) continue
        if (typeof record === 'string') {
          await decryptOnce(period, record).then(
            (secret) => secrets.set(period, secret),
            (error: unknown) => failures.push(error),
          )
        }
        // Redis was restarted without its data; a gateway that starts now must find these keys.
        else if (own !== undefined) await put(period, own)
      }
      return { secrets, failures }
    },
    add: async (period, secret) => {
      const own = await encrypt(secret, nameOf(period), password)
      await put(period, own)
      const record = await get(period)
      if (record === own) {
        known.set(period, own)
        return secret
      }
      secret.secret.fill(0)
      if (record !== null) return decryptOnce(period, record)
      throw new GatewayError('ERR_KEY_STORE', 'Redis does not keep request keys.')
    },
  }
}

/** Encrypts a secret; its name, which holds the period, and the time of its creation are authenticated. */
async function encrypt(
  { id, secret, createdAtMs }: GenerationSecret,
  name: string,
  password: string,
): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const nonce = randomBytes(NONCE_BYTES)
  const key = await deriveKey(password, salt)
  const plaintext = Buffer.from([id, ...secret])
  try {
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    cipher.setAAD(associatedData(name, createdAtMs))
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
    const bytes = Buffer.concat([salt, nonce, ciphertext, cipher.getAuthTag()])
    return `${String(createdAtMs)}\n${bytes.toString('base64')}`
  } finally {
    key.fill(0)
    plaintext.fill(0)
  }
}

/** Decrypts a secret; undefined where it was altered, or encrypted with another password. */
async function decrypt(
  record: string,
  name: string,
  password: string,
): Promise<GenerationSecret | undefined> {
  const [, time = '', base64 = ''] = /^(\d{1,15})\n([A-Za-z0-9+/]{1,200}={0,2})$/.exec(record) ?? []
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length !== SALT_BYTES + NONCE_BYTES + PLAINTEXT_BYTES + TAG_BYTES) return undefined
  const createdAtMs = Number(time)
  const nonceAt = SALT_BYTES
  const ciphertextAt = nonceAt + NONCE_BYTES
  const key = await deriveKey(password, bytes.subarray(0, SALT_BYTES))
  try {
    const nonce = bytes.subarray(nonceAt, ciphertextAt)
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(associatedData(name, createdAtMs))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    const first = decipher.update(bytes.subarray(ciphertextAt, -TAG_BYTES))
    try {
      decipher.final()
      return { id: first[0] ?? 0, secret: new Uint8Array(first.subarray(1)), createdAtMs }
    } finally {
      first.fill(0)
    }
  } catch {
    return undefined
  } finally {
    key.fill(0)
  }
}

const deriveKey = (password: string, salt: Uint8Array): Promise<Buffer> =>
  promisify(pbkdf2)(password, salt, PBKDF2_ROUNDS, 32, 'sha256')

const associatedData = (name: string, createdAtMs: number): Buffer =>
  Buffer.from(`${name}\n${String(createdAtMs)}`)
