import { parsePin } from '@nomyo/crypto'
import type { ServerKeyEvent } from '@nomyo/client'
import { byId } from './element.js'

/** The fingerprint of the server key, and how it is trusted. */
export class KeyPanel {
  readonly #shown = byId('fingerprint', HTMLElement)
  readonly #pasted = byId('pin', HTMLInputElement)
  readonly #trust = byId('key-trust', HTMLElement)
  #fingerprint: string | undefined
  #pin: string | undefined
  #isChanged = false

  /** @param onPin - told which key is the only one accepted; undefined for any */
  constructor(onPin: (pin: string | undefined) => void) {
    byId('compare', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault()
      const text = this.#pasted.value.trim()
      const pin = text === '' ? undefined : parsed(text)
      if (pin === undefined && text !== '') {
        this.#say(
          'bad',
          '✕ This is no fingerprint. One looks like sha256/ and 43 or 44 characters.',
        )
        return
      }
      this.#pin = pin
      onPin(pin)
      this.#judge()
    })
    this.#judge()
  }

  /** A key that was seen. */
  show(fingerprint: string): void {
    this.#fingerprint = fingerprint
    this.#shown.textContent = fingerprint
    this.#judge()
  }

  /** What the client found out about a key. */
  onServerKey({ type, fingerprint }: ServerKeyEvent): void {
    this.#isChanged = type === 'changed'
    this.show(fingerprint)
  }

  #judge(): void {
    // Also a key that was compared is refused where another one was seen first.
    if (this.#isChanged) {
      this.#say(
        'bad',
        '✕ Changed: this is another key than the one first seen. Nothing is sent for it.',
      )
    } else if (this.#pin === undefined) {
      this.#say(
        'unsure',
        '! Not compared: trusted because this page saw it first, which is as good as the connection was.',
      )
    } else if (this.#fingerprint === undefined) {
      this.#say('unsure', '! No key was seen yet. Only the one you gave will be accepted.')
    } else if (this.#fingerprint === this.#pin) {
      this.#say('good', '✓ Match: messages are sealed for this key and no other.')
    } else {
      this.#say('bad', '✕ Mismatch: this is not the key you were told of. Nothing will be sent.')
    }
  }

  #say(kind: 'good' | 'bad' | 'unsure', text: string): void {
    this.#trust.className = `verdict ${kind}`
    this.#trust.textContent = text
  }
}

function parsed(text: string): string | undefined {
  try {
    return parsePin(text)
  } catch {
    return undefined
  }
}
