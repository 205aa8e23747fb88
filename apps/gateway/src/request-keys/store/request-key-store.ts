import type { GenerationSecret } from '../generation.js'

/** Source of the secrets of request keys, by period. */
export interface RequestKeyStore {
  /** Other gateways use the store too. */
  readonly shared: boolean
  /**
   * Returns the secrets of these periods that were not returned before.
   *
   * @throws GatewayError `ERR_KEY_STORE`
   */
  load(periods: readonly number[]): Promise<ReadonlyMap<number, GenerationSecret>>
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
  load: () => Promise.resolve(new Map()),
  add: (_period, secret) => Promise.resolve(secret),
}
