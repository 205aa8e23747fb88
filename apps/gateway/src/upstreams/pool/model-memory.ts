import { isModelName, type ModelList } from '../server/model-names.js'

/** Knowledge of whether a model server has a model. `missing`: the server refused it. */
export type ModelKnowledge = 'listed' | 'unknown' | 'missing'

const MAX_MISSING = 200
/** A model may be loaded at any time. */
const MISSING_MS = 60_000

/** Models that one server lists, and models that it refused as unknown, for a time. */
export class ModelMemory {
  readonly #now: () => number
  #listed: ReadonlySet<string> = new Set()
  #owners: readonly string[] | undefined
  /** Names and the time of their expiry, oldest first. */
  readonly #missing = new Map<string, number>()

  /** @param now - monotonic clock, in milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  of(model: string): ModelKnowledge {
    const expiresAt = this.#missing.get(model)
    if (expiresAt !== undefined && this.#now() < expiresAt) return 'missing'
    return this.#listed.has(model) ? 'listed' : 'unknown'
  }

  /** Owners of the models; undefined before a list was read. */
  get owners(): readonly string[] | undefined {
    return this.#owners
  }

  /** Remembers the list of the server, which is newer than what it refused. */
  recordList({ names, owners }: ModelList): void {
    for (const name of names) if (!this.#listed.has(name)) this.#missing.delete(name)
    this.#listed = new Set(names)
    this.#owners = owners
  }

  /** Remembers that the server has no such model. The oldest name is forgotten for the newest. */
  recordMissing(model: string): void {
    if (!isModelName(model)) return
    this.#missing.delete(model)
    const [oldest] = this.#missing.keys()
    if (oldest !== undefined && this.#missing.size >= MAX_MISSING) this.#missing.delete(oldest)
    this.#missing.set(model, this.#now() + MISSING_MS)
  }

  /** Forgets a refusal, after the server answered for the model. */
  recordAnswer(model: string): void {
    this.#missing.delete(model)
  }
}
