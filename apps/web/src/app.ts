import { Composer } from './composer.js'
import { Conversation } from './conversation.js'
import { byId } from './element.js'
import { explainFault, isStop } from './explain-fault.js'
import { FaultBox } from './fault-box.js'
import { KeyPanel } from './key-panel.js'
import { KnownKey } from './known-key.js'
import { MachinePanel } from './machine/machine-panel.js'
import { recordingFetch } from './recording-fetch.js'
import { SealedChat } from './sealed-chat.js'
import { Settings } from './settings.js'
import { followTheme } from './theme.js'
import { calculator } from './tools/calculator.js'
import { currentTime } from './tools/current-time.js'
import { TrafficPanel } from './traffic-panel.js'
import { Transcript } from './transcript.js'

start()

/** Puts the parts of the page together. */
function start(): void {
  followTheme(byId('theme', HTMLSelectElement))
  const status = byId('status', HTMLElement)
  const faults = new FaultBox(byId('fault', HTMLElement))
  const transcript = new Transcript(byId('transcript', HTMLElement))
  const traffic = new TrafficPanel(byId('traffic-list', HTMLElement))
  const record = recordingFetch((number, exchange) => {
    traffic.show(number, exchange)
  })
  const settings = new Settings(record)
  const knownKey = new KnownKey()
  let answerWasJudged = false
  const chat = new SealedChat({
    fetch: record,
    knownServers: knownKey,
    onServerKey: (event) => {
      keyPanel.onServerKey(event)
    },
    onEvidence: (event) => {
      answerWasJudged = event.subject === 'answer'
      machinePanel.showResult(event)
    },
  })
  const keyPanel = new KeyPanel((pin) => {
    chat.demand({ pin })
  })
  const machinePanel = new MachinePanel((policy) => {
    chat.demand({ policy })
  })
  let conversation = new Conversation()
  let running: AbortController | undefined

  async function send(text: string): Promise<void> {
    const { apiKey, model, tier, withTools } = settings.read()
    const stopping = (running = new AbortController())
    const since = performance.now()
    const markUnanswered = transcript.addQuestion(text)
    faults.clear()
    answerWasJudged = false
    status.textContent = 'Sealed and on its way. Escape stops.'
    composer.setBusy(true)
    try {
      await conversation.say(
        text,
        (request) =>
          chat.create(
            {
              model,
              security_tier: tier,
              ...(apiKey === '' ? {} : { api_key: apiKey }),
              ...request,
            },
            stopping.signal,
          ),
        withTools ? [currentTime, calculator] : [],
        (turn) => {
          if (stopping.signal.aborted) return
          if (turn.kind === 'tool') {
            transcript.addToolCall(turn.call, turn.result)
            return
          }
          transcript.addAnswer(turn.text, turn.model)
          machinePanel.showEvidence(turn.completion._metadata.tpm_attestation)
        },
      )
      const seconds = ((performance.now() - since) / 1000).toFixed(1)
      status.textContent = `Answered in ${seconds} seconds; opened in this page.`
    } catch (error) {
      // A new conversation has begun meanwhile.
      if (running !== stopping) return
      composer.restore(text)
      markUnanswered(isStop(error) ? 'Stopped.' : 'Not answered.')
      status.textContent = isStop(error) ? 'Stopped. Your message is back in its field.' : ''
      if (!isStop(error)) faults.show(explainFault(error, answerWasJudged))
    } finally {
      if (running === stopping) {
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
    faults.clear()
    status.textContent = 'A new conversation.'
    composer.setBusy(false)
  })
  void settings.loadModels()
  void knownKey.look(record).then((fingerprint) => {
    if (fingerprint !== undefined) keyPanel.show(fingerprint)
  })
}
