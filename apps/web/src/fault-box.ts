import { element } from './element.js'
import type { Fault } from './explain-fault.js'

/** Where faults are told; screen readers say them at once. */
export class FaultBox {
  readonly #box: HTMLElement

  constructor(box: HTMLElement) {
    this.#box = box
  }

  show({ what, advice, code }: Fault): void {
    this.#box.replaceChildren(
      element('p', { class: 'what' }, element('span', { 'aria-hidden': 'true' }, '✕ '), what),
      element('p', {}, advice),
      element('p', { class: 'small' }, `Code: ${code}`),
    )
  }

  clear(): void {
    this.#box.replaceChildren()
  }
}
