import type { GenerationSecret } from '../generation.js'

/** Secrets of a store, and why others of it cannot be read. */
export interface LoadedSecrets {
  readonly secrets: ReadonlyMap<number, GenerationSecret>
  readonly failures: readonly unknown[]
}

/** Source of the secrets of request keys, by period. */
export interface RequestKeyStore {
  /** Other gateways use the store too. */
  readonly shared: boolean
  /**
   * Returns the secrets of these periods that were not returned before.
   *
   * @throws GatewayError `ERR_KEY_STORE`
   */
  load(periods: readonly number[]): Promise<LoadedSecrets>
  /**
   * Adds the secret of a period. The first one is kept.
   *
   * @returns the secret that is kept; the other one is zeroed
   * @throws GatewayError `ERR_KEY_STORE`
   */
  add(period: number, secret: GenerationSecret): Promise<GenerationSecret>
}

/** Keeps nothing: keys are in the memory of this gateway only. */
export const memoryStore: RequestKeyStore = {
  shared: false,
  load: () => Promise.resolve({ secrets: new Map(), failures: [] }),
  add: (_period, secret) => Promise.resolve(secret),
}
