import { createHttpTransport, parseBaseUrl } from '@nomyo/transport'
import { ChatView } from './chat/chat-view.js'
import { EncryptedChat } from './chat/encrypted-chat.js'
import { byId } from './dom.js'
import { MachinePanel } from './machine/machine-panel.js'
import { ReportPanel } from './report/report-panel.js'
import { TrustBadge } from './report/trust-badge.js'
import { FirstKey } from './server-key/first-key.js'
import { KeyPanel } from './server-key/key-panel.js'
import { Settings } from './settings.js'
import { followTheme } from './theme.js'
import { recordingFetch } from './traffic/recording-fetch.js'
import { TrafficPanel } from './traffic/traffic-panel.js'

start()

/** Connects the parts of the page. */
function start(): void {
  followTheme(byId('theme', HTMLSelectElement))
  const report = new ReportPanel()
  const badge = new TrustBadge()
  const traffic = new TrafficPanel(byId('traffic-list', HTMLElement))
  const fetch = recordingFetch((number, request) => {
    traffic.show(number, request)
  })
  const transport = createHttpTransport({ baseUrl: parseBaseUrl(location.origin), fetch })
  const settings = new Settings(transport)
  let answerWasAppraised = false
  const chat = new EncryptedChat({
    fetch,
    knownServers: new FirstKey(),
    onServerKey: (event) => {
      keyPanel.onServerKey(event)
    },
    onEvidence: (event) => {
      answerWasAppraised = event.subject === 'answer'
      machinePanel.showResult(event)
    },
  })
  const keyPanel = new KeyPanel({
    onPin: (pin) => {
      chat.require({ pin })
      void showWire()
    },
    onVerdict: (verdict) => {
      badge.show('key', verdict)
    },
  })
  const machinePanel = new MachinePanel({
    onPolicy: (policy) => {
      chat.require({ policy })
    },
    onVerdict: (verdict) => {
      badge.show('machine', verdict)
    },
  })

  /** Shows the key early, so that it can be compared. A failure is reported by the first message. */
  async function showWire(): Promise<void> {
    try {
      keyPanel.showWire(await chat.chooseWire())
    } catch {
      return
    }
  }

  new ChatView({
    chat,
    settings,
    onSend: () => {
      answerWasAppraised = false
      report.makeRoom()
    },
    onAnswered: () => void showWire(),
    onEvidence: (evidence) => {
      machinePanel.showEvidence(evidence)
    },
    wasAppraised: () => answerWasAppraised,
  })
  void settings.loadModels()
  void showWire()
}
