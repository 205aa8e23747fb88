import type { ToolCall } from '@nomyo/client'
import { answerText } from './answer-text.js'
import { element } from '../dom.js'

/** The conversation on display. */
export class Transcript {
  readonly #log: HTMLElement
  readonly #empty: readonly Node[]

  /** @param log - its content is shown while there are no messages */
  constructor(log: HTMLElement) {
    this.#log = log
    this.#empty = [...log.childNodes]
  }

  /** Adds a question; returns a function that adds a note to it. */
  addQuestion(text: string): (note: string) => void {
    this.#empty.forEach((node) => node.parentNode?.removeChild(node))
    const content = element('p', { class: 'text' }, text)
    const shown = this.#add('you', 'You', content)
    return (note) => {
      shown.append(element('p', { class: 'note' }, note))
    }
  }

  addAnswer(text: string, model: string): void {
    const parts =
      text === '' ? [element('p', { class: 'note' }, 'The answer has no text.')] : answerText(text)
    this.#add('model', model, ...parts)
  }

  /** Adds a tool call of the model, and its result. */
  addToolCall(call: ToolCall, result: string): void {
    this.#add(
      'tool',
      `Tool, in this page: ${call.function.name}`,
      element('p', { class: 'label' }, 'Called with'),
      element('pre', { tabindex: '0' }, element('code', {}, call.function.arguments)),
      element('p', { class: 'label' }, 'Result'),
      element('pre', { tabindex: '0' }, element('code', {}, result)),
    )
  }

  clear(): void {
    this.#log.replaceChildren(...this.#empty)
  }

  #add(kind: string, author: string, ...parts: readonly Node[]): HTMLElement {
    const shown = element(
      'article',
      { class: `message ${kind}`, 'aria-label': author },
      element('h3', {}, author),
      ...parts,
    )
    this.#log.append(shown)
    this.#log.scrollTop = this.#log.scrollHeight
    return shown
  }
}
