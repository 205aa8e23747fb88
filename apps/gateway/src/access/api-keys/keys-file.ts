import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { errnoCode, repeatedMember } from '@nomyo-internal/diagnostics'
import { z } from 'zod'
import { pathText, refuseRepeatedNames } from '../../config/issues.js'
import { GatewayError } from '../../errors.js'
import { HASH_BYTES, SALT_BYTES } from './api-key.js'
import { isQuota } from '../quota/quota.js'
import { isRateLimit } from '../rate/rate-limit.js'
import { SECURITY_TIERS } from '../policy/tier-policy.js'

const VERSION = 1
/** Every request is compared with all of them. */
const MAX_KEYS = 10_000

/** Schema for the name of a key. */
export const keyName = z.string().regex(/^[\w.-]{1,64}$/, {
  error: 'must be 1 to 64 letters, digits, dots, dashes or underscores',
})

const names = <T extends z.ZodType>(name: T, error: string) =>
  z.array(name, { error }).min(1, { error })

const bytes = (length: number) =>
  z
    .string()
    .refine(
      // Encoded again, so that every value has one spelling only.
      (text) =>
        Buffer.byteLength(text, 'base64url') === length &&
        Buffer.from(text, 'base64url').toString('base64url') === text,
      { error: `must be ${length} bytes in base64url` },
    )
    .transform((text): Uint8Array => Buffer.from(text, 'base64url'))

const QUOTA_ERROR = 'must be {"limit": …, "per": "day" or "month"} with a whole number, or "off"'
const quota = z
  .union(
    [
      z.literal('off'),
      z.strictObject({ limit: z.number(), per: z.enum(['day', 'month']) }).refine(isQuota),
    ],
    { error: QUOTA_ERROR },
  )
  .optional()

const listedKey = z.strictObject({
  name: keyName,
  salt: bytes(SALT_BYTES),
  hash: bytes(HASH_BYTES),
  created: z.string().refine((text) => !Number.isNaN(Date.parse(text)), {
    error: 'must be a time in ISO 8601',
  }),
  models: names(z.string().min(1), 'must be a list of names; omit it for all').optional(),
  tiers: names(z.enum(SECURITY_TIERS), `must be among ${SECURITY_TIERS.join(', ')}`).optional(),
  rateLimit: z
    .strictObject({ perSecond: z.number(), burst: z.number() })
    .refine(isRateLimit, {
      error: 'must be {"perSecond": …, "burst": …} in whole numbers, burst not below perSecond',
    })
    .optional(),
  quotas: z.strictObject({ requests: quota, tokens: quota }).optional(),
})

/** A key as the file lists it. */
export type ListedKey = z.infer<typeof listedKey>

const keysFile = z.strictObject({
  version: z.literal(VERSION, { error: `must be ${VERSION}` }),
  keys: z
    .array(listedKey, { error: 'must be a list' })
    .max(MAX_KEYS, { error: `must have at most ${MAX_KEYS} keys` })
    .superRefine(refuseRepeatedNames),
})

/**
 * Reads a file of API keys.
 *
 * @throws GatewayError `ERR_API_KEYS_FILE`
 */
export async function readKeysFile(path: string): Promise<ListedKey[]> {
  const keys = await readKeysFileIfPresent(path)
  if (keys !== undefined) return keys
  throw unusable(path, 'is missing; create it with: nomyo-gateway keys add --keys-file FILE')
}

/** Reads a file of API keys; undefined where there is none. */
export async function readKeysFileIfPresent(path: string): Promise<ListedKey[] | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return undefined
    throw unusable(path, `cannot be read (${errnoCode(error)})`)
  }
  const result = keysFile.safeParse(parseJson(path, text))
  if (result.success) return result.data.keys
  const [issue] = result.error.issues
  // The name of an unknown member may be a key that was pasted into the wrong place.
  const problem =
    issue?.code === 'unrecognized_keys' ? 'has an unknown member' : (issue?.message ?? 'is invalid')
  throw unusable(`${path}: ${pathText(issue?.path ?? []) || 'the file'}`, problem)
}

/**
 * Replaces the file as a whole: the new one is created with mode 0600 under another name, then renamed.
 *
 * @throws GatewayError `ERR_API_KEYS_FILE`
 */
export async function writeKeysFile(path: string, keys: readonly ListedKey[]): Promise<void> {
  const text = `${JSON.stringify({ version: VERSION, keys: keys.map(toJson) }, null, 2)}\n`
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined)
    throw unusable(path, `cannot be written (${errnoCode(error)})`)
  }
}

function parseJson(path: string, text: string): unknown {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw unusable(path, 'is not JSON')
  }
  if (repeatedMember(text) !== undefined) throw unusable(path, 'repeats a member of an object')
  return json
}

const unusable = (subject: string, problem: string): GatewayError =>
  new GatewayError('ERR_API_KEYS_FILE', `${subject} ${problem}.`)

function toJson(key: ListedKey): object {
  const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
  return { ...key, salt: base64url(key.salt), hash: base64url(key.hash) }
}
