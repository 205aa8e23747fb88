import type { ToolCall } from '@nomyo/client'
import { answerText } from './answer-text.js'
import { element } from './element.js'

/** The conversation as it is shown. */
export class Transcript {
  readonly #log: HTMLElement
  readonly #empty: readonly Node[]

  /** @param log - holds what is shown while nothing was said */
  constructor(log: HTMLElement) {
    this.#log = log
    this.#empty = [...log.childNodes]
  }

  /** A message of the person; gives what marks it as not answered. */
  addQuestion(text: string): (note: string) => void {
    this.#empty.forEach((node) => node.parentNode?.removeChild(node))
    const said = element('p', { class: 'text' }, text)
    const shown = this.#add('you', 'You', said)
    return (note) => {
      shown.append(element('p', { class: 'note' }, note))
    }
  }

  addAnswer(text: string, model: string): void {
    const parts =
      text === '' ? [element('p', { class: 'note' }, 'No text came.')] : answerText(text)
    this.#add('model', model, ...parts)
  }

  /** What a model asked for, and what it was given. */
  addToolCall(call: ToolCall, result: string): void {
    this.#add(
      'tool',
      `Tool, in this page: ${call.function.name}`,
      element('p', { class: 'label' }, 'Asked with'),
      element('pre', { tabindex: '0' }, element('code', {}, call.function.arguments)),
      element('p', { class: 'label' }, 'Result'),
      element('pre', { tabindex: '0' }, element('code', {}, result)),
    )
  }

  clear(): void {
    this.#log.replaceChildren(...this.#empty)
  }

  #add(kind: string, who: string, ...parts: readonly Node[]): HTMLElement {
    const shown = element(
      'article',
      { class: `message ${kind}`, 'aria-label': who },
      element('h3', {}, who),
      ...parts,
    )
    this.#log.append(shown)
    this.#log.scrollTop = this.#log.scrollHeight
    return shown
  }
}
