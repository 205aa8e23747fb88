import type { SecurityTier } from '@nomyo/client'
import { byId } from './element.js'
import { fetchModels } from './models.js'

/** What applies to the next request. */
export interface RequestSettings {
  readonly apiKey: string
  readonly model: string
  readonly tier: SecurityTier
  readonly withTools: boolean
}

const TIERS: readonly SecurityTier[] = ['standard', 'high', 'maximum']

/** The settings, read from the page whenever they are needed: they are kept nowhere else. */
export class Settings {
  readonly #apiKey = byId('api-key', HTMLInputElement)
  readonly #listed = byId('model', HTMLSelectElement)
  readonly #typed = byId('model-name', HTMLInputElement)
  readonly #note = byId('models-note', HTMLElement)
  readonly #tier = byId('tier', HTMLSelectElement)
  readonly #tools = byId('tools', HTMLInputElement)
  readonly #fetch: typeof fetch

  constructor(send: typeof fetch) {
    this.#fetch = send
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

  /** Fills the list of models; where there is none, a name can be typed. */
  async loadModels(): Promise<void> {
    const listed = await fetchModels(this.#fetch, this.#apiKey.value.trim())
    const chosen = this.read().model
    if ('names' in listed) {
      this.#listed.replaceChildren(...listed.names.map((name) => new Option(name, name)))
      if (listed.names.includes(chosen)) this.#listed.value = chosen
    }
    this.#show('names' in listed ? this.#listed : this.#typed)
    this.#note.textContent = 'names' in listed ? '' : listed.problem
  }

  #show(field: HTMLElement): void {
    for (const one of [this.#listed, this.#typed]) {
      one.hidden = one !== field
      // The label goes with what is shown.
      document.querySelector('label[for^="model"]')?.setAttribute('for', field.id)
    }
  }
}
