import type { TpmAttestation } from '@nomyo/client'
import { describeError, isStopped, type ErrorDescription } from '../describe-error.js'
import { byId, element } from '../dom.js'
import type { Settings } from '../settings.js'
import { calculator } from '../tools/calculator.js'
import { currentTime } from '../tools/current-time.js'
import { Composer } from './composer.js'
import { Conversation, type Turn } from './conversation.js'
import type { EncryptedChat } from './encrypted-chat.js'
import { Stopwatch } from './stopwatch.js'
import { Transcript, type ShownAnswer, type ShownExchange } from './transcript.js'

/** Parts and listeners of the conversation on display. */
export interface ChatViewOptions {
  readonly chat: EncryptedChat
  readonly settings: Settings
  /** Called before a message is encrypted. */
  readonly onSend: () => void
  readonly onAnswered: () => void
  /** Receives the evidence of an answer. */
  readonly onEvidence: (evidence: TpmAttestation | undefined) => void
  /** Checks whether the last answer was appraised before the failure. */
  readonly wasAppraised: () => boolean
}

/** An exchange on display. */
interface Exchange {
  readonly shown: ShownExchange
  /** Exchanges of the conversation before it. */
  readonly at: number
}

/** The conversation of the page: one message at a time. */
export class ChatView {
  readonly #options: ChatViewOptions
  readonly #status = byId('status', HTMLElement)
  readonly #errors = byId('error', HTMLElement)
  readonly #transcript = new Transcript(byId('transcript', HTMLElement))
  readonly #stopwatch = new Stopwatch(byId('elapsed', HTMLElement))
  readonly #composer = new Composer({
    send: (text) => void this.#send(text),
    stop: () => this.#running?.abort(),
  })
  #conversation = new Conversation()
  #running: AbortController | undefined

  constructor(options: ChatViewOptions) {
    this.#options = options
    byId('new-conversation', HTMLButtonElement).addEventListener('click', () => {
      this.#startAnew()
    })
  }

  #startAnew(): void {
    this.#running?.abort()
    this.#running = undefined
    this.#conversation = new Conversation()
    this.#transcript.clear()
    this.#errors.replaceChildren()
    this.#status.textContent = 'A new conversation.'
    this.#setBusy(false)
    this.#composer.cancelEdit()
    this.#composer.focus()
  }

  /** Sends a message, or sends it in place of an earlier one and all that followed. */
  async #send(text: string, replaced?: Exchange): Promise<void> {
    if (replaced !== undefined) {
      this.#conversation.truncate(replaced.at)
      replaced.shown.remove()
    }
    const own = (this.#running = new AbortController())
    const exchange = this.#show(text)
    const answers = new ShownAnswers(exchange.shown, this.#options.onEvidence)
    this.#errors.replaceChildren()
    this.#status.textContent = 'Encrypting and sending. Escape stops.'
    this.#options.onSend()
    this.#setBusy(true)
    const { apiKey, model, tier, withTools } = this.#options.settings.read()
    const options = { model, security_tier: tier, ...(apiKey === '' ? {} : { api_key: apiKey }) }
    try {
      await this.#conversation.send(
        text,
        (request, onText) => this.#options.chat.ask({ ...options, ...request }, own.signal, onText),
        withTools ? [currentTime, calculator] : [],
        (turn) => {
          if (own.signal.aborted) return
          if (turn.kind === 'arriving') this.#status.textContent = 'Answering. Escape stops.'
          answers.show(turn)
        },
      )
      this.#options.onAnswered()
      this.#status.textContent = `Answered in ${this.#stopwatch.elapsed}; decrypted in this page.`
    } catch (error) {
      // Another conversation has started meanwhile.
      if (this.#running === own) this.#showFailure(error, text, exchange.shown, answers)
    } finally {
      if (this.#running === own) {
        this.#running = undefined
        this.#setBusy(false)
      }
    }
  }

  #show(text: string): Exchange {
    const act =
      (action: () => void): (() => void) =>
      () => {
        if (this.#running === undefined) action()
      }
    const shown = this.#transcript.addExchange(text, {
      edit: act(() => {
        this.#composer.withdraw(text)
        this.#composer.edit(text, (edited) => void this.#send(edited, exchange))
      }),
      retry: act(() => {
        this.#composer.cancelEdit()
        this.#composer.withdraw(text)
        this.#transcript.focus()
        void this.#send(text, exchange)
      }),
    })
    const exchange = { shown, at: this.#conversation.length }
    return exchange
  }

  #showFailure(error: unknown, text: string, shown: ShownExchange, answers: ShownAnswers): void {
    const stopped = isStopped(error)
    const hadText = answers.breakOff(stopped ? 'Stopped.' : 'The answer broke off here.')
    if (stopped && hadText) {
      this.#status.textContent = 'Stopped. The text so far stays in the conversation.'
    } else {
      this.#composer.restore(text)
      shown.addNote(stopped ? 'Stopped.' : 'Not answered.')
      this.#status.textContent = stopped ? 'Stopped. Your message is back in its field.' : ''
    }
    if (stopped) return
    this.#errors.replaceChildren(...errorView(describeError(error, this.#options.wasAppraised())))
  }

  #setBusy(busy: boolean): void {
    if (busy) this.#stopwatch.start()
    else this.#stopwatch.stop()
    this.#transcript.setBusy(busy)
    this.#composer.setBusy(busy)
  }
}

/** The answers to one question, of which one may be arriving. */
class ShownAnswers {
  readonly #exchange: ShownExchange
  readonly #onEvidence: ChatViewOptions['onEvidence']
  #arriving: ShownAnswer | undefined

  constructor(exchange: ShownExchange, onEvidence: ChatViewOptions['onEvidence']) {
    this.#exchange = exchange
    this.#onEvidence = onEvidence
  }

  show(turn: Turn): void {
    if (turn.kind === 'tool') {
      this.#exchange.addToolCall(turn.call, turn.result)
      return
    }
    this.#arriving ??= this.#exchange.addAnswer(turn.model)
    if (turn.kind === 'arriving') {
      this.#arriving.setText(turn.text)
      return
    }
    this.#arriving.end(turn.text)
    this.#arriving = undefined
    this.#onEvidence(turn.completion._metadata.tpm_attestation)
  }

  /** Ends an answer that is arriving; false where none of its text has. */
  breakOff(note: string): boolean {
    const hadText = this.#arriving !== undefined
    this.#arriving?.breakOff(note)
    this.#arriving = undefined
    return hadText
  }
}

/** Renders an error; screen readers announce it at once where it is shown. */
function errorView({ problem, advice, code }: ErrorDescription): readonly Node[] {
  return [
    element('p', { class: 'problem' }, element('span', { 'aria-hidden': 'true' }, '✕ '), problem),
    element('p', {}, advice),
    element('p', { class: 'small' }, `Code: ${code}`),
  ]
}
