import { GatewayError } from '../errors.js'
import type { Logger } from '../observability/log.js'
import { API_KEY_DESCRIPTION, API_KEY_FORM, hashApiKey, type ApiKey } from './api-key.js'
import { readKeysFile } from './keys-file.js'

/** Origins of API keys. */
export interface ApiKeySources {
  /** Keys in plaintext, from the command line or the environment. Default: none. */
  readonly apiKeys: readonly string[] | undefined
  readonly keysFile: string | undefined
}

/** The API keys that are valid now. */
export class ApiKeyStore {
  readonly #configured: readonly ApiKey[]
  readonly #path: string | undefined
  readonly #logger: Logger
  #fromFile: readonly ApiKey[] = []

  private constructor({ apiKeys = [], keysFile }: ApiKeySources, logger: Logger) {
    // A space keeps these names out of the file.
    this.#configured = apiKeys.map((key, at) => ({
      name: `--api-key ${at + 1}`,
      ...hashApiKey(key),
    }))
    this.#path = keysFile
    this.#logger = logger
  }

  /** @throws GatewayError `ERR_API_KEYS`, `ERR_API_KEYS_FILE` */
  static async open(sources: ApiKeySources, logger: Logger): Promise<ApiKeyStore> {
    refuseWeakKeys(sources.apiKeys)
    const store = new ApiKeyStore(sources, logger)
    if (sources.keysFile !== undefined) store.#fromFile = await readKeysFile(sources.keysFile)
    return store
  }

  /** All keys, or undefined where no key is required. A file without keys rejects every caller. */
  get keys(): readonly ApiKey[] | undefined {
    const isOpen = this.#path === undefined && this.#configured.length === 0
    return isOpen ? undefined : [...this.#configured, ...this.#fromFile]
  }

  /** Reads the file again. A broken file changes nothing. */
  async reload(): Promise<void> {
    if (this.#path === undefined) return
    try {
      this.#fromFile = await readKeysFile(this.#path)
      this.#logger.info(`reloaded ${this.#fromFile.length} API keys from ${this.#path}`)
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      this.#logger.warn(`keeping the previous API keys: ${error.message}`)
    }
  }
}

/** Refuses keys that protect less than they seem to, whatever program passes them. */
function refuseWeakKeys(apiKeys: readonly string[] | undefined): void {
  if (apiKeys === undefined) return
  if (apiKeys.length === 0) {
    throw new GatewayError('ERR_API_KEYS', 'apiKeys is empty: list keys, or omit it to admit all.')
  }
  const weak = apiKeys.findIndex((key) => !API_KEY_FORM.test(key))
  if (weak === -1) return
  throw new GatewayError('ERR_API_KEYS', `apiKeys[${weak}] must be ${API_KEY_DESCRIPTION}.`)
}
