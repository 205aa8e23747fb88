import { byId } from '../dom.js'

/** Beside the conversation there is space for the report; below this width, it takes the place of the conversation. */
const WIDE = '(min-width: 60rem)'

/** Settings and report: beside the conversation, or in its place. */
export class ReportPanel {
  readonly #panel = byId('report', HTMLElement)
  readonly #openers = [byId('trust', HTMLButtonElement), byId('open-settings', HTMLButtonElement)]
  readonly #wide = matchMedia(WIDE)
  /** Had the focus before the panel. */
  #opener: HTMLElement | undefined

  constructor() {
    this.#opens('trust', 'key-panel')
    this.#opens('open-settings', 'settings-panel')
    byId('close-report', HTMLButtonElement).addEventListener('click', () => {
      this.#close()
    })
    this.#panel.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !this.#wide.matches) this.#close()
    })
    this.#wide.addEventListener('change', ({ matches }) => {
      this.#setOpen(matches)
    })
    this.#setOpen(this.#wide.matches)
  }

  /** Shows the conversation again where the panel has its place. */
  makeRoom(): void {
    if (!this.#wide.matches) this.#setOpen(false)
  }

  #opens(button: string, section: string): void {
    const opener = byId(button, HTMLButtonElement)
    const target = byId(section, HTMLDetailsElement)
    opener.addEventListener('click', () => {
      this.#opener = opener
      this.#setOpen(true)
      target.open = true
      target.scrollIntoView({ block: 'start' })
      target.querySelector('summary')?.focus()
    })
  }

  #close(): void {
    this.#setOpen(false)
    this.#opener?.focus()
  }

  #setOpen(open: boolean): void {
    this.#panel.hidden = !open
    document.body.classList.toggle('reporting', open)
    for (const opener of this.#openers) opener.setAttribute('aria-expanded', String(open))
  }
}
