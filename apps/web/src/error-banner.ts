import type { ErrorDescription } from './describe-error.js'
import { element } from './dom.js'

/** The error on display; screen readers announce it at once. */
export class ErrorBanner {
  readonly #banner: HTMLElement

  constructor(banner: HTMLElement) {
    this.#banner = banner
  }

  show({ problem, advice, code }: ErrorDescription): void {
    this.#banner.replaceChildren(
      element('p', { class: 'problem' }, element('span', { 'aria-hidden': 'true' }, '✕ '), problem),
      element('p', {}, advice),
      element('p', { class: 'small' }, `Code: ${code}`),
    )
  }

  clear(): void {
    this.#banner.replaceChildren()
  }
}
