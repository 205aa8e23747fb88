import { byId } from '../dom.js'

/** Callbacks of the composer. */
export interface ComposerActions {
  readonly send: (text: string) => void
  readonly stop: () => void
}

/** An earlier message that is being edited. */
interface Edit {
  readonly send: (text: string) => void
  /** Text of the field before. */
  readonly draft: string
}

/** The field of the message: Enter sends, Shift+Enter starts a line, Escape stops, or cancels an edit. */
export class Composer {
  readonly #text = byId('message', HTMLTextAreaElement)
  readonly #send = byId('send', HTMLButtonElement)
  readonly #stop = byId('stop', HTMLButtonElement)
  readonly #editing = byId('editing', HTMLElement)
  readonly #actions: ComposerActions
  #busy = false
  #edit: Edit | undefined

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
    byId('cancel-edit', HTMLButtonElement).addEventListener('click', () => {
      this.cancelEdit()
      this.focus()
    })
    document.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing) return
      if (this.#busy) actions.stop()
      else this.cancelEdit()
    })
  }

  /** Shows Stop in place of Send while an answer is pending. */
  setBusy(busy: boolean): void {
    const [shown, hidden] = busy ? [this.#stop, this.#send] : [this.#send, this.#stop]
    const hadFocus = document.activeElement === hidden
    this.#busy = busy
    shown.hidden = false
    hidden.hidden = true
    // A hidden button would lose it.
    if (hadFocus) shown.focus()
  }

  focus(): void {
    this.#text.focus()
  }

  /** Puts an earlier message into the field, in place of the current text, until it is sent or cancelled. */
  edit(text: string, send: (text: string) => void): void {
    this.#edit = { send, draft: this.#edit?.draft ?? this.#text.value }
    this.#editing.hidden = false
    this.#text.value = text
    this.focus()
  }

  /** Returns to the text before an edit. */
  cancelEdit(): void {
    if (this.#edit === undefined) return
    this.#text.value = this.#edit.draft
    this.#edit = undefined
    this.#editing.hidden = true
  }

  /** Restores a message that was not answered, unless another one was typed meanwhile. */
  restore(text: string): void {
    if (this.#text.value === '') this.#text.value = text
  }

  /** Empties the field, if this message was restored to it. */
  withdraw(text: string): void {
    if (this.#text.value === text) this.#text.value = ''
  }

  #submit(): void {
    const text = this.#text.value
    if (this.#busy || text.trim() === '') return
    const { send } = this.#edit ?? this.#actions
    this.#text.value = ''
    this.cancelEdit()
    send(text)
  }
}
