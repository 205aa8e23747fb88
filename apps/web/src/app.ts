import { createHttpTransport, parseBaseUrl } from '@nomyo/transport'
import { Composer } from './chat/composer.js'
import { Conversation, type Turn } from './chat/conversation.js'
import { EncryptedChat } from './chat/encrypted-chat.js'
import { Transcript, type ShownAnswer } from './chat/transcript.js'
import { describeError, isStopped, type ErrorDescription } from './describe-error.js'
import { byId, element } from './dom.js'
import { MachinePanel } from './machine/machine-panel.js'
import { FirstKey } from './server-key/first-key.js'
import { KeyPanel } from './server-key/key-panel.js'
import { Settings } from './settings.js'
import { calculator } from './tools/calculator.js'
import { currentTime } from './tools/current-time.js'
import { recordingFetch } from './traffic/recording-fetch.js'
import { TrafficPanel } from './traffic/traffic-panel.js'

start()

/** Connects the parts of the page. */
function start(): void {
  followTheme(byId('theme', HTMLSelectElement))
  const status = byId('status', HTMLElement)
  const errors = byId('error', HTMLElement)
  const transcript = new Transcript(byId('transcript', HTMLElement))
  const traffic = new TrafficPanel(byId('traffic-list', HTMLElement))
  const fetch = recordingFetch((number, request) => {
    traffic.show(number, request)
  })
  const transport = createHttpTransport({ baseUrl: parseBaseUrl(location.origin), fetch })
  const settings = new Settings(transport)
  const firstKey = new FirstKey()
  let answerWasAppraised = false
  const chat = new EncryptedChat({
    fetch,
    knownServers: firstKey,
    onServerKey: (event) => {
      keyPanel.onServerKey(event)
    },
    onEvidence: (event) => {
      answerWasAppraised = event.subject === 'answer'
      machinePanel.showResult(event)
    },
  })
  const keyPanel = new KeyPanel((pin) => {
    chat.require({ pin })
    void showWire()
  })
  const machinePanel = new MachinePanel((policy) => {
    chat.require({ policy })
  })
  let conversation = new Conversation()
  let running: AbortController | undefined
  /** The answer that is arriving. */
  let shown: ShownAnswer | undefined

  const show = (turn: Turn): void => {
    if (turn.kind === 'tool') {
      transcript.addToolCall(turn.call, turn.result)
      return
    }
    shown ??= transcript.addAnswer(turn.model)
    if (turn.kind === 'arriving') {
      status.textContent = 'Answering. Escape stops.'
      shown.setText(turn.text)
      return
    }
    shown.end(turn.text)
    shown = undefined
    machinePanel.showEvidence(turn.completion._metadata.tpm_attestation)
  }

  /** Ends an answer that is arriving; false where none of its text has. */
  const breakOff = (note: string): boolean => {
    const hadText = shown !== undefined
    shown?.breakOff(note)
    shown = undefined
    return hadText
  }

  /** Shows the key early, so that it can be compared. A failure is reported by the first message. */
  async function showWire(): Promise<void> {
    try {
      keyPanel.showWire(await chat.chooseWire())
    } catch {
      return
    }
  }

  async function send(text: string): Promise<void> {
    const { apiKey, model, tier, withTools } = settings.read()
    const own = (running = new AbortController())
    const startedAt = performance.now()
    const addNote = transcript.addQuestion(text)
    errors.replaceChildren()
    answerWasAppraised = false
    shown = undefined
    status.textContent = 'Encrypting and sending. Escape stops.'
    composer.setBusy(true)
    const options = { model, security_tier: tier, ...(apiKey === '' ? {} : { api_key: apiKey }) }
    try {
      await conversation.send(
        text,
        (request, onText) => chat.ask({ ...options, ...request }, own.signal, onText),
        withTools ? [currentTime, calculator] : [],
        (turn) => {
          if (!own.signal.aborted) show(turn)
        },
      )
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
      void showWire()
      status.textContent = `Answered in ${seconds} seconds; decrypted in this page.`
    } catch (error) {
      // Another conversation has started meanwhile.
      if (running !== own) return
      const stopped = isStopped(error)
      const hadText = breakOff(stopped ? 'Stopped.' : 'The answer broke off here.')
      if (stopped && hadText) {
        status.textContent = 'Stopped. The text so far stays in the conversation.'
      } else {
        composer.restore(text)
        addNote(stopped ? 'Stopped.' : 'Not answered.')
        status.textContent = stopped ? 'Stopped. Your message is back in its field.' : ''
      }
      if (!stopped) errors.replaceChildren(...errorView(describeError(error, answerWasAppraised)))
    } finally {
      if (running === own) {
        running = undefined
        composer.setBusy(false)
      }
    }
  }

  const composer = new Composer({
    send: (text) => void send(text),
    stop: () => {
      running?.abort()
    },
  })
  byId('new-conversation', HTMLButtonElement).addEventListener('click', () => {
    running?.abort()
    running = undefined
    conversation = new Conversation()
    transcript.clear()
    errors.replaceChildren()
    status.textContent = 'A new conversation.'
    composer.setBusy(false)
  })
  void settings.loadModels()
  void showWire()
}

/** Follows the system until a theme is chosen; the choice lasts as long as the page. */
function followTheme(choice: HTMLSelectElement): void {
  const apply = (): void => {
    if (choice.value === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = choice.value
  }
  choice.addEventListener('change', apply)
  // Browsers keep the choices of a form over a reload.
  apply()
}

/** Renders an error; screen readers announce it at once where it is shown. */
function errorView({ problem, advice, code }: ErrorDescription): readonly Node[] {
  return [
    element('p', { class: 'problem' }, element('span', { 'aria-hidden': 'true' }, '✕ '), problem),
    element('p', {}, advice),
    element('p', { class: 'small' }, `Code: ${code}`),
  ]
}
