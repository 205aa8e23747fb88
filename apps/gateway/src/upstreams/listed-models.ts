import type { Identity } from '../access/api-keys/authenticate.js'
import type { TierPolicy } from '../access/policy/tier-policy.js'
import type { Engine } from './engine.js'

/** Models change rarely, and callers may ask often. */
const CACHE_MS = 5000

/** A model in the shape of OpenAI's API. Only its name is given; the other members have fixed values. */
export interface ModelObject {
  readonly id: string
  readonly object: 'model'
  readonly created: 0
  readonly owned_by: 'gateway'
}

/** Lists of models, which model servers are asked for at most every few seconds. */
export class ListedModels {
  /** By engine: after a reload, another one answers. */
  readonly #cached = new WeakMap<Engine, Promise<readonly string[]>>()

  /**
   * Lists the models that a caller may use in any tier.
   *
   * @throws HttpError 503 when no model server gives a list
   */
  async of(
    { models }: Pick<Identity, 'models'>,
    { engine, policy }: { readonly engine: Engine; readonly policy: TierPolicy | undefined },
  ): Promise<readonly ModelObject[]> {
    return (await this.#namesOf(engine))
      .filter((id) => policy?.allowsInAnyTier(id) !== false)
      .filter((id) => models?.includes(id) !== false)
      .map((id) => ({ id, object: 'model', created: 0, owned_by: 'gateway' }))
  }

  #namesOf(engine: Engine): Promise<readonly string[]> {
    const known = this.#cached.get(engine)
    if (known !== undefined) return known
    const answer = engine.models()
    const expire = (): void => {
      setTimeout(() => this.#cached.delete(engine), CACHE_MS).unref()
    }
    // Failures are cached too: repeated requests must not burden a failing model server.
    answer.then(expire, expire)
    this.#cached.set(engine, answer)
    return answer
  }
}
