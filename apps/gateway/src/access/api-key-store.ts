import type { Notice } from '../observability/notice.js'
import { hashApiKey, type ApiKey } from './api-key.js'
import { KeysFileError, readKeysFile } from './keys-file.js'

/** Where API keys come from. */
export interface KeySources {
  /** Given in the clear, on the command line or in the environment. */
  readonly apiKeys: readonly string[]
  readonly keysFile: string | undefined
}

/** The API keys that are good now. */
export class KeyStore {
  readonly #given: readonly ApiKey[]
  readonly #path: string | undefined
  readonly #notice: Notice
  #ofFile: readonly ApiKey[] = []

  private constructor({ apiKeys, keysFile }: KeySources, notice: Notice) {
    // Names nobody can give in a file.
    this.#given = apiKeys.map((key, at) => ({ name: `--api-key ${at + 1}`, ...hashApiKey(key) }))
    this.#path = keysFile
    this.#notice = notice
  }

  /** @throws KeysFileError */
  static async open(sources: KeySources, notice: Notice): Promise<KeyStore> {
    const store = new KeyStore(sources, notice)
    if (sources.keysFile !== undefined) store.#ofFile = await readKeysFile(sources.keysFile)
    return store
  }

  /** Every key, or undefined where everybody is let in. A file without keys lets nobody in. */
  get keys(): readonly ApiKey[] | undefined {
    const open = this.#path === undefined && this.#given.length === 0
    return open ? undefined : [...this.#given, ...this.#ofFile]
  }

  /** Reads the file again. A broken one changes nothing: keys that were good stay good. */
  async reload(): Promise<void> {
    if (this.#path === undefined) return
    try {
      this.#ofFile = await readKeysFile(this.#path)
      this.#notice(`${this.#ofFile.length} API keys read again from ${this.#path}`)
    } catch (error) {
      if (!(error instanceof KeysFileError)) throw error
      this.#notice(`keeping the API keys of before: ${error.message}`)
    }
  }
}
