import { byId } from '../dom.js'

/** Callbacks of the composer. */
export interface ComposerActions {
  readonly send: (text: string) => void
  readonly stop: () => void
}

/** The field of the message: Enter sends, Shift+Enter starts a line, Escape stops. */
export class Composer {
  readonly #text = byId('message', HTMLTextAreaElement)
  readonly #send = byId('send', HTMLButtonElement)
  readonly #stop = byId('stop', HTMLButtonElement)
  readonly #actions: ComposerActions
  #busy = false

  constructor(actions: ComposerActions) {
    this.#actions = actions
    byId('composer', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault()
      this.#submit()
    })
    this.#text.addEventListener('keydown', (event) => {
      // In an input method, Enter chooses a character.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      this.#submit()
    })
    this.#stop.addEventListener('click', () => {
      actions.stop()
    })
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.#busy) actions.stop()
    })
  }

  /** Shows Stop in place of Send while an answer is pending. */
  setBusy(busy: boolean): void {
    this.#busy = busy
    this.#send.hidden = busy
    this.#stop.hidden = !busy
    this.focus()
  }

  focus(): void {
    this.#text.focus()
  }

  /** Restores a message that was not answered, unless another one was typed meanwhile. */
  restore(text: string): void {
    if (this.#text.value === '') this.#text.value = text
  }

  #submit(): void {
    const text = this.#text.value
    if (this.#busy || text.trim() === '') return
    this.#text.value = ''
    this.#actions.send(text)
  }
}
