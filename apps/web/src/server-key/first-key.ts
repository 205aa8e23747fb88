import type { KnownKey, KnownServersStore } from '@nomyo/client'

/** The first keys of this page; others are refused until the page is reloaded, unless one of these vouches. */
export class FirstKey implements KnownServersStore {
  #keys: readonly KnownKey[] = []

  fingerprintsOf(): Promise<readonly string[]> {
    return Promise.resolve(this.#keys.map(({ fingerprint }) => fingerprint))
  }

  keysOf(): Promise<readonly KnownKey[]> {
    return Promise.resolve(this.#keys)
  }

  async add(server: string, fingerprint: string): Promise<void> {
    await this.addKeys(server, [{ fingerprint }])
  }

  addKeys(
    _server: string,
    keys: readonly KnownKey[],
    { onlyFirst = false }: { readonly onlyFirst?: boolean } = {},
  ): Promise<readonly KnownKey[]> {
    const known = this.#keys
    if (!onlyFirst || known.length === 0) this.#keys = [...known, ...keys]
    return Promise.resolve(known)
  }
}
