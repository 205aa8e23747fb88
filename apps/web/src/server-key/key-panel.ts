import { parsePin } from '@nomyo/crypto'
import type { ServerKeyEvent, WireInfo } from '@nomyo/client'
import { byId } from '../dom.js'
import type { Verdict } from '../report/verdict.js'

/** Callbacks of the panel. */
export interface KeyPanelActions {
  /** Receives the only fingerprint accepted; undefined for any. */
  readonly onPin: (pin: string | undefined) => void
  readonly onVerdict: (verdict: Verdict) => void
}

/** The fingerprint of the server key, and the reason for which it is trusted. */
export class KeyPanel {
  readonly #shown = byId('fingerprint', HTMLElement)
  readonly #pasted = byId('pin', HTMLInputElement)
  readonly #trust = byId('key-trust', HTMLElement)
  readonly #wire = byId('wire', HTMLElement)
  #fingerprint: string | undefined
  #pin: string | undefined
  #isChanged = false
  /** The holder of the pinned server key stands behind the identity on display. */
  #isVouched = false

  readonly #onVerdict: KeyPanelActions['onVerdict']

  constructor({ onPin, onVerdict }: KeyPanelActions) {
    this.#onVerdict = onVerdict
    byId('compare', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault()
      const text = this.#pasted.value.trim()
      const pin = text === '' ? undefined : tryParsePin(text)
      if (pin === undefined && text !== '') {
        this.#setState(
          'bad',
          'not a fingerprint',
          '✕ Not a fingerprint: a fingerprint is sha256/ and 43 or 44 characters.',
        )
        return
      }
      this.#pin = pin
      this.#isVouched = false
      onPin(pin)
      this.#update()
    })
    this.#update()
  }

  /** Shows the fingerprint of the current key. */
  show(fingerprint: string): void {
    this.#fingerprint = fingerprint
    this.#shown.textContent = fingerprint
    this.#update()
  }

  /** Shows the wire of the requests, and its key. */
  showWire({ wire, reason, fingerprint }: WireInfo): void {
    this.#isVouched = reason === 'vouched'
    this.#wire.textContent =
      wire === 2
        ? 'Wire 2 (post-quantum): the network path sees neither text nor API key, and only this page can decrypt an answer.'
        : 'Wire 1: the gateway does not offer wire 2. The API key travels under TLS alone, and the encryption is not post-quantum.'
    this.show(fingerprint)
  }

  /** Shows the result of the client's check of a key. */
  onServerKey({ type, fingerprint }: ServerKeyEvent): void {
    this.#isChanged = type === 'changed'
    this.show(fingerprint)
  }

  #update(): void {
    // A key that matches the fingerprint is refused too where it is not the first one.
    if (this.#isChanged) {
      this.#setState(
        'bad',
        'key changed',
        '✕ Changed: this is not the first key of this page. Nothing is encrypted to it.',
      )
    } else if (this.#pin === undefined) {
      this.#setState(
        'unsure',
        'key not verified',
        '! Not compared: trusted on first use, which is as secure as the connection was.',
      )
    } else if (this.#fingerprint === undefined) {
      this.#setState(
        'unsure',
        'key not received',
        '! No key was received yet. Only the one with your fingerprint will be accepted.',
      )
    } else if (this.#fingerprint === this.#pin) {
      this.#setState(
        'good',
        'key verified',
        '✓ Match: messages are encrypted for this key and no other.',
      )
    } else if (this.#isVouched) {
      this.#setState(
        'good',
        'key verified',
        '✓ Match: the server key with your fingerprint vouches for this key.',
      )
    } else {
      this.#setState(
        'bad',
        'key mismatch',
        '✕ Mismatch: the fingerprint of this key differs from yours. Nothing will be sent.',
      )
    }
  }

  #setState(kind: Verdict['kind'], summary: string, text: string): void {
    this.#trust.className = `verdict ${kind}`
    this.#trust.textContent = text
    this.#onVerdict({ kind, summary })
  }
}

function tryParsePin(text: string): string | undefined {
  try {
    return parsePin(text)
  } catch {
    return undefined
  }
}
