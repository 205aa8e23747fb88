import { randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { HASH_BYTES, SALT_BYTES, type ApiKey } from './api-key.js'
import { isRateLimit, type RateLimit } from './rate-limit.js'
import { SECURITY_TIERS } from './security-tier.js'

/** Something is wrong with the file of API keys; the message says where, and repeats no value. */
export class KeysFileError extends Error {
  override readonly name = 'KeysFileError'
}

const VERSION = 1
/** All of them are looked at for every request. */
const MAX_KEYS = 10_000
const MEMBERS = ['name', 'salt', 'hash', 'created', 'models', 'tiers', 'rateLimit']

/** A key as the file lists it. */
export interface ListedKey extends ApiKey {
  /** When it was made, as ISO 8601. */
  readonly created: string
}

/**
 * Reads a file of API keys.
 *
 * @throws KeysFileError
 */
export async function readKeysFile(path: string): Promise<ListedKey[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) {
      throw new KeysFileError(
        `${path} is not there; make it with: nomyo-gateway keys add --keys-file FILE`,
      )
    }
    throw new KeysFileError(`${path} cannot be read`)
  }
  try {
    return parseKeys(text)
  } catch (error) {
    throw error instanceof KeysFileError ? new KeysFileError(`${path}: ${error.message}`) : error
  }
}

/** Like {@link readKeysFile}, with no keys where there is no file yet. */
export async function readKeysFileIfAny(path: string): Promise<ListedKey[]> {
  try {
    await (await open(path, 'r')).close()
  } catch (error) {
    if (isMissing(error)) return []
  }
  return readKeysFile(path)
}

/**
 * Writes the whole file or nothing: born with mode 0600 under another name, then put in its place.
 *
 * @throws KeysFileError
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
  } catch {
    await rm(draft, { force: true }).catch(() => undefined)
    throw new KeysFileError(`${path} cannot be written`)
  }
}

function parseKeys(text: string): ListedKey[] {
  const file = asObject(parseJson(text), 'the file')
  for (const member of Object.keys(file)) {
    if (member !== 'version' && member !== 'keys') throw wrong('the file', 'has an unknown member')
  }
  if (file['version'] !== VERSION) throw wrong('version', `must be ${VERSION}`)
  const list = file['keys']
  if (!Array.isArray(list)) throw wrong('keys', 'must be a list')
  if (list.length > MAX_KEYS) throw wrong('keys', `must be ${MAX_KEYS} at most`)
  const keys = list.map((value, at) => parseKey(value, `keys[${at}]`))
  const names = keys.map(({ name }) => name)
  const twice = names.findIndex((name, at) => names.indexOf(name) !== at)
  if (twice !== -1) throw wrong(`keys[${twice}].name`, 'is there twice')
  return keys
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw wrong('the file', 'is not JSON')
  }
}

function parseKey(value: unknown, where: string): ListedKey {
  const key = asObject(value, where)
  // A misspelt limit would be none.
  if (!Object.keys(key).every((member) => MEMBERS.includes(member))) {
    throw wrong(where, `has an unknown member; known are ${MEMBERS.join(', ')}`)
  }
  const { name, created, models, tiers, rateLimit } = key
  if (!isKeyName(name)) throw wrong(`${where}.name`, KEY_NAME_RULE)
  if (typeof created !== 'string' || Number.isNaN(Date.parse(created))) {
    throw wrong(`${where}.created`, 'must be a time as ISO 8601')
  }
  return {
    name,
    created,
    salt: parseBytes(key['salt'], SALT_BYTES, `${where}.salt`),
    hash: parseBytes(key['hash'], HASH_BYTES, `${where}.hash`),
    ...(models === undefined ? {} : { models: parseNames(models, `${where}.models`) }),
    ...(tiers === undefined ? {} : { tiers: parseTiers(tiers, `${where}.tiers`) }),
    ...(rateLimit === undefined ? {} : { rateLimit: parseLimit(rateLimit, `${where}.rateLimit`) }),
  }
}

export const KEY_NAME_RULE = 'must be 1 to 64 letters, digits, dots, dashes or underscores'

export function isKeyName(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.-]{1,64}$/.test(value)
}

function parseBytes(value: unknown, length: number, where: string): Uint8Array {
  const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64url')
  if (bytes.length === length && bytes.toString('base64url') === value) return bytes
  throw wrong(where, `must be ${length} bytes in base64url`)
}

function parseNames(value: unknown, where: string): string[] {
  if (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((name): name is string => typeof name === 'string' && name !== '')
  ) {
    return value
  }
  throw wrong(where, 'must be a list of names; leave it out for all')
}

function parseTiers(value: unknown, where: string): string[] {
  const tiers = parseNames(value, where)
  if (tiers.every((tier) => (SECURITY_TIERS as readonly string[]).includes(tier))) return tiers
  throw wrong(where, `must be of ${SECURITY_TIERS.join(', ')}`)
}

function parseLimit(value: unknown, where: string): RateLimit {
  const { perSecond, burst, ...rest } = asObject(value, where)
  const limit = { perSecond, burst }
  if (isRateLimit(limit) && Object.keys(rest).length === 0) return limit
  throw wrong(where, 'must be {"perSecond": …, "burst": …}, whole numbers, the second not less')
}

function asObject(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw wrong(where, 'must be an object')
}

const wrong = (where: string, what: string): KeysFileError => new KeysFileError(`${where} ${what}`)

function toJson(key: ListedKey): object {
  const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
  return { ...key, salt: base64url(key.salt), hash: base64url(key.hash) }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'
