import { AuthenticationError, RateLimitError, type SecurityTier } from '@nomyo/client'
import { fetchModels } from '@nomyo/client/gateway-api'
import type { Transport } from '@nomyo/transport'
import { byId } from './dom.js'

/** Settings of the next request. */
export interface RequestSettings {
  readonly apiKey: string
  readonly model: string
  readonly tier: SecurityTier
  readonly withTools: boolean
}

const TIERS: readonly SecurityTier[] = ['standard', 'high', 'maximum']
const MAX_MODELS = 1000

/** The settings, read from the page for every request: they are stored nowhere else. */
export class Settings {
  readonly #apiKey = byId('api-key', HTMLInputElement)
  readonly #listed = byId('model', HTMLSelectElement)
  readonly #typed = byId('model-name', HTMLInputElement)
  readonly #note = byId('models-note', HTMLElement)
  readonly #tier = byId('tier', HTMLSelectElement)
  readonly #tools = byId('tools', HTMLInputElement)
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
    this.#apiKey.addEventListener('change', () => void this.loadModels())
  }

  read(): RequestSettings {
    return {
      apiKey: this.#apiKey.value.trim(),
      model: (this.#listed.hidden ? this.#typed.value : this.#listed.value).trim(),
      tier: TIERS.find((tier) => tier === this.#tier.value) ?? 'standard',
      withTools: this.#tools.checked,
    }
  }

  /** Fills the list of models; without a list, a name can be typed. */
  async loadModels(): Promise<void> {
    const { names, problem } = await this.#fetchModels()
    const { model } = this.read()
    if (names.length > 0) {
      this.#listed.replaceChildren(...names.map((name) => new Option(name, name)))
      if (names.includes(model)) this.#listed.value = model
    }
    this.#show(names.length > 0 ? this.#listed : this.#typed)
    this.#note.textContent = names.length > 0 ? '' : `${problem} Type the name of a model.`
  }

  async #fetchModels(): Promise<{ readonly names: readonly string[]; readonly problem: string }> {
    const apiKey = this.#apiKey.value.trim()
    const problem = 'The gateway returned no list of models.'
    try {
      const options = /^[\x21-\x7e]+$/.test(apiKey) ? { apiKey } : {}
      const models = await fetchModels(this.#transport, options)
      return { names: models?.names.slice(0, MAX_MODELS) ?? [], problem }
    } catch (error) {
      if (error instanceof AuthenticationError) {
        return { names: [], problem: 'The list requires a valid API key.' }
      }
      const isLimited = error instanceof RateLimitError
      return { names: [], problem: isLimited ? 'Too many requests for now.' : problem }
    }
  }

  #show(field: HTMLElement): void {
    for (const one of [this.#listed, this.#typed]) {
      one.hidden = one !== field
      // The label belongs to the visible field.
      document.querySelector('label[for^="model"]')?.setAttribute('for', field.id)
    }
  }
}
