import type { KnownServersStore } from '@nomyo/client'
import { fetchPublicKey } from '@nomyo/client/gateway-api'
import type { Transport } from '@nomyo/transport'

/** The first server key of this page; another one is refused until the page is reloaded. */
export class FirstKey implements KnownServersStore {
  #fingerprint: string | undefined

  fingerprintsOf(): Promise<readonly string[]> {
    return Promise.resolve(this.#fingerprint === undefined ? [] : [this.#fingerprint])
  }

  add(_server: string, fingerprint: string): Promise<void> {
    this.#fingerprint ??= fingerprint
    return Promise.resolve()
  }

  /**
   * Fetches the key early, so that it can be compared before anything is encrypted to it.
   *
   * @returns its fingerprint; undefined where that fails, which the first message reports
   */
  async fetch(transport: Transport): Promise<string | undefined> {
    try {
      const { key } = await fetchPublicKey(transport)
      await this.add(location.origin, key.fingerprint)
      return key.fingerprint
    } catch {
      return undefined
    }
  }
}
