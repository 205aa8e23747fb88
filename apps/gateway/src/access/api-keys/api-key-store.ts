import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { GatewayError } from '../../errors.js'
import { describeNames, type NameChanges } from '../../reload/describe-names.js'
import { protectionLost, type PreparedChange } from '../../reload/reloadable-part.js'
import { ApiKeyIndex } from './api-key-index.js'
import {
  API_KEY_DESCRIPTION,
  API_KEY_FORM,
  hashApiKey,
  SALT_BYTES,
  type ApiKey,
} from './api-key.js'
import { readKeysFile } from './keys-file.js'

/** Origins of API keys. */
export interface ApiKeySources {
  /** Keys in plaintext, from the command line or the environment. Default: none. */
  readonly apiKeys: readonly string[] | undefined
  readonly keysFile: string | undefined
}

/** API keys by origin. */
interface Keys {
  readonly configured: readonly ApiKey[]
  /** Undefined without a file; a file without keys rejects every caller. */
  readonly fromFile: readonly ApiKey[] | undefined
}

/** The API keys that are valid now. */
export class ApiKeyStore {
  #current: Keys
  #keys: readonly ApiKey[] | undefined
  #index: ApiKeyIndex | undefined

  private constructor(current: Keys) {
    this.#current = current
    this.#keys = allOf(current)
    this.#index = this.#keys && new ApiKeyIndex(this.#keys)
  }

  /** @throws GatewayError `ERR_API_KEYS`, `ERR_API_KEYS_FILE` */
  static async open(sources: ApiKeySources): Promise<ApiKeyStore> {
    return new ApiKeyStore(await read(sources))
  }

  /** All keys, or undefined where no key is required. */
  get keys(): ApiKeyIndex | undefined {
    return this.#index
  }

  /**
   * Reads the sources again. A gateway that requires a key goes on to do so until a restart.
   *
   * @throws GatewayError `ERR_API_KEYS`, `ERR_API_KEYS_FILE`, `ERR_RELOAD` without any source
   */
  async prepare(sources: ApiKeySources): Promise<PreparedChange> {
    const next = await read(sources, this.#current.configured)
    // Ten thousand keys take tens of milliseconds to read, and as many to compare.
    await setImmediate()
    const [before, after] = [this.#keys, allOf(next)]
    if (after === undefined) {
      if (before !== undefined) throw protectionLost('API keys')
      return { changed: [], commit: () => undefined }
    }
    const news = describeNames('API keys', nameChanges(before ?? [], after))
    const isRequiredNow = before === undefined ? ['API keys are required'] : []
    return {
      changed: [...isRequiredNow, ...(news === undefined ? [] : [news])],
      commit: () => {
        this.#current = next
        this.#keys = after
        this.#index = new ApiKeyIndex(after)
      },
    }
  }
}

const allOf = ({ configured, fromFile }: Keys): readonly ApiKey[] | undefined =>
  fromFile === undefined && configured.length === 0
    ? undefined
    : [...configured, ...(fromFile ?? [])]

/** @param known - keys whose salt is kept, so that the same keys have the same form */
async function read(
  { apiKeys, keysFile }: ApiKeySources,
  known: readonly ApiKey[] = [],
): Promise<Keys> {
  refuseWeakKeys(apiKeys)
  const salt = known[0]?.salt ?? randomBytes(SALT_BYTES)
  return {
    // A space keeps these names out of the file.
    configured: (apiKeys ?? []).map((key, at) => ({
      name: `--api-key ${at + 1}`,
      ...hashApiKey(key, salt),
    })),
    fromFile: keysFile === undefined ? undefined : await readKeysFile(keysFile),
  }
}

function nameChanges(before: readonly ApiKey[], after: readonly ApiKey[]): NameChanges {
  const [old, current] = [byName(before), byName(after)]
  return {
    added: after.filter(({ name }) => !old.has(name)).map(({ name }) => name),
    removed: before.filter(({ name }) => !current.has(name)).map(({ name }) => name),
    changed: after
      .filter((key) => old.has(key.name) && !isDeepStrictEqual(old.get(key.name), key))
      .map(({ name }) => name),
  }
}

const byName = (keys: readonly ApiKey[]): ReadonlyMap<string, ApiKey> =>
  new Map(keys.map((key) => [key.name, key]))

/** Refuses keys that protect less than they seem to, whatever program passes them. */
function refuseWeakKeys(apiKeys: readonly string[] | undefined): void {
  if (apiKeys === undefined) return
  if (apiKeys.length === 0) {
    throw new GatewayError(
      'ERR_API_KEYS',
      'apiKeys is empty: list keys, or omit it to admit every caller.',
    )
  }
  const weak = apiKeys.findIndex((key) => !API_KEY_FORM.test(key))
  if (weak === -1) return
  throw new GatewayError('ERR_API_KEYS', `apiKeys[${weak}] must be ${API_KEY_DESCRIPTION}.`)
}
