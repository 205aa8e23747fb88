import type { ToolCall } from '@nomyo/client'
import { element } from '../dom.js'
import { copyButton, copyCode } from './copy-button.js'
import { showMarkdown } from './markdown/show-markdown.js'
import { Painter } from './painter.js'

/** A question on display, and what follows it. */
export interface ShownExchange {
  /** Adds an answer, which may be arriving. */
  readonly addAnswer: (model: string) => ShownAnswer
  /** Adds a tool call of the model, and its result. */
  readonly addToolCall: (call: ToolCall, result: string) => void
  /** Adds a note to the question. */
  readonly addNote: (note: string) => void
  /** Removes it, and everything after it. */
  readonly remove: () => void
}

/** An answer on display. */
export interface ShownAnswer {
  /** Replaces its text while it arrives. */
  readonly setText: (text: string) => void
  /** Shows it complete. */
  readonly end: (text: string) => void
  /** Leaves what has arrived, with a note. */
  readonly breakOff: (note: string) => void
}

/** Callbacks of the buttons of an exchange. */
export interface ExchangeActions {
  readonly edit: () => void
  readonly retry: () => void
}

/** Distance from the end at which a reader still follows it. */
const NEAR_END_PX = 40

/** The conversation on display. */
export class Transcript {
  readonly #log: HTMLElement
  readonly #empty: readonly Node[]
  /** The reader follows the newest message. */
  #follows = false

  /** @param log - its content is shown while there are no messages */
  constructor(log: HTMLElement) {
    this.#log = log
    this.#empty = [...log.childNodes]
    log.addEventListener('click', copyCode)
    // An error or a longer message in the composer takes space from the conversation.
    let height = log.clientHeight
    new ResizeObserver(() => {
      height = log.clientHeight
      if (this.#follows) this.#scrollToEnd()
    }).observe(log)
    log.addEventListener('scroll', () => {
      // Before the observer has seen a new height, the end is out of view without the reader's doing.
      if (log.clientHeight === height) this.#follows = this.#isAtEnd()
    })
  }

  /** Adds a question. */
  addExchange(text: string, { edit, retry }: ExchangeActions): ShownExchange {
    this.#empty.forEach((node) => node.parentNode?.removeChild(node))
    const buttons = [
      copyButton(() => text),
      actionButton('edit', 'Edit', edit),
      actionButton('retry', 'Retry', retry),
    ]
    const question = this.#add('you', 'You', element('p', { class: 'text' }, text), bar(buttons))
    return {
      addAnswer: (model) => this.#addAnswer(model, retry),
      addToolCall: (call, result) => {
        this.#addToolCall(call, result)
      },
      addNote: (note) => {
        this.#keepAtEnd(() => {
          question.lastElementChild?.before(element('p', { class: 'note' }, note))
        })
      },
      remove: () => {
        while (question.nextSibling !== null) question.nextSibling.remove()
        question.remove()
      },
    }
  }

  /** Hides the buttons that change the conversation while it is in use. */
  setBusy(busy: boolean): void {
    this.#log.classList.toggle('busy', busy)
  }

  focus(): void {
    this.#log.focus()
  }

  clear(): void {
    this.#log.replaceChildren(...this.#empty)
    this.#follows = false
    this.#log.setAttribute('aria-busy', 'false')
  }

  #addAnswer(model: string, retry: () => void): ShownAnswer {
    // Screen readers announce it once it is complete.
    this.#log.setAttribute('aria-busy', 'true')
    const content = element('div', { class: 'markdown' })
    const shown = this.#add('model', model, content)
    let current = ''
    const painter = new Painter<string>((text) => {
      this.#keepAtEnd(() => {
        showMarkdown(content, text)
      })
    })
    const setText = (text: string): void => {
      current = text
      painter.show(text)
    }
    const close = (note?: string): void => {
      painter.flush()
      this.#keepAtEnd(() => {
        if (note !== undefined) shown.append(element('p', { class: 'note' }, note))
        const buttons = current === '' ? [] : [copyButton(() => current)]
        shown.append(bar([...buttons, actionButton('retry', 'Retry', retry)]))
      })
      this.#log.setAttribute('aria-busy', 'false')
    }
    return {
      setText,
      end: (text) => {
        setText(text)
        close(text === '' ? 'The answer has no text.' : undefined)
      },
      breakOff: close,
    }
  }

  #addToolCall(call: ToolCall, result: string): void {
    this.#add(
      'tool',
      `Tool, in this page: ${call.function.name}`,
      element('p', { class: 'label' }, 'Called with'),
      element('pre', { tabindex: '0' }, element('code', {}, call.function.arguments)),
      element('p', { class: 'label' }, 'Result'),
      element('pre', { tabindex: '0' }, element('code', {}, result)),
    )
  }

  /** Follows what is added, unless the reader has scrolled back. */
  #keepAtEnd(change: () => void): void {
    const isAtEnd = this.#isAtEnd()
    change()
    if (isAtEnd) this.#scrollToEnd()
  }

  #isAtEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#log
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX
  }

  #scrollToEnd(): void {
    this.#follows = true
    this.#log.scrollTop = this.#log.scrollHeight
  }

  #add(kind: string, author: string, ...parts: readonly Node[]): HTMLElement {
    const shown = element(
      'article',
      { class: `message ${kind}`, 'aria-label': author },
      element('h3', {}, author),
      ...parts,
    )
    this.#log.append(shown)
    this.#scrollToEnd()
    return shown
  }
}

/** Groups the buttons of a message, which are not read aloud with it. */
const bar = (buttons: readonly HTMLButtonElement[]): HTMLElement =>
  element('div', { class: 'bar', 'aria-live': 'off' }, ...buttons)

function actionButton(kind: string, name: string, act: () => void): HTMLButtonElement {
  const button = element('button', { type: 'button', class: `quiet ${kind}` }, name)
  button.addEventListener('click', act)
  return button
}
