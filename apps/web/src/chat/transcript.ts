import type { ToolCall } from '@nomyo/client'
import { updateText } from './answer-text.js'
import { element } from '../dom.js'

/** An answer on display. */
export interface ShownAnswer {
  /** Replaces its text while it arrives. */
  readonly setText: (text: string) => void
  /** Shows it complete. */
  readonly end: (text: string) => void
  /** Leaves what has arrived, with a note. */
  readonly breakOff: (note: string) => void
}

/** Distance from the end at which a reader still follows it. */
const NEAR_END_PX = 40

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

  /** Adds an answer, which may be arriving. */
  addAnswer(model: string): ShownAnswer {
    // Screen readers announce it once it is complete.
    this.#log.setAttribute('aria-busy', 'true')
    const content = element('div')
    const shown = this.#add('model', model, content)
    const setText = (text: string): void => {
      this.#keepAtEnd(() => {
        updateText(content, text)
      })
    }
    const addNote = (note: string): void => {
      this.#keepAtEnd(() => {
        shown.append(element('p', { class: 'note' }, note))
      })
      this.#log.setAttribute('aria-busy', 'false')
    }
    return {
      setText,
      end: (text) => {
        setText(text)
        if (text === '') addNote('The answer has no text.')
        this.#log.setAttribute('aria-busy', 'false')
      },
      breakOff: addNote,
    }
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
    this.#log.setAttribute('aria-busy', 'false')
  }

  /** Follows what is added, unless the reader has scrolled back. */
  #keepAtEnd(change: () => void): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#log
    const isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX
    change()
    if (isAtEnd) this.#log.scrollTop = this.#log.scrollHeight
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
