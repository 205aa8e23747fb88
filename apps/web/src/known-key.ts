import { importPublicKey } from '@nomyo/crypto'
import type { KnownServersStore } from '@nomyo/client'

/** The server key this page has seen first; another one is refused until the page is loaded again. */
export class KnownKey implements KnownServersStore {
  #fingerprint: string | undefined

  fingerprintsOf(): Promise<readonly string[]> {
    return Promise.resolve(this.#fingerprint === undefined ? [] : [this.#fingerprint])
  }

  add(_server: string, fingerprint: string): Promise<void> {
    this.#fingerprint ??= fingerprint
    return Promise.resolve()
  }

  /**
   * Fetches the key before it is needed, so that it can be compared before anything is sealed for it.
   * Undefined where there is none to be had: the first message says why.
   */
  async look(send: typeof fetch): Promise<string | undefined> {
    try {
      const response = await send('/pki/public_key', { credentials: 'omit', cache: 'no-store' })
      if (!response.ok) return undefined
      const { fingerprint } = await importPublicKey(await response.text(), { minBits: 4096 })
      await this.add(location.origin, fingerprint)
      return fingerprint
    } catch {
      return undefined
    }
  }
}
