import { PolicyError, attestationPolicy } from '@nomyo/attest'
import { parsePolicyFile } from '@nomyo/attest/policy-file'
import type { AttestationEvent, AttestationPolicy, TpmAttestation } from '@nomyo/client'
import { byId, element } from '../dom.js'
import type { Verdict } from '../report/verdict.js'
import { resultView } from './result-view.js'

/** Callbacks of the panel. */
export interface MachinePanelActions {
  readonly onPolicy: (policy: AttestationPolicy | undefined) => void
  readonly onVerdict: (verdict: Verdict) => void
}

/** Policies take a few kilobytes. */
const MAX_POLICY_BYTES = 1024 * 1024

/** The results about the machine, and the policy that appraises it. */
export class MachinePanel {
  readonly #file = byId('policy', HTMLInputElement)
  readonly #remove = byId('remove-policy', HTMLButtonElement)
  readonly #state = byId('policy-state', HTMLElement)
  readonly #results = byId('results', HTMLElement)
  readonly #actions: MachinePanelActions
  #views: Partial<Record<AttestationEvent['subject'], HTMLElement>> = {}
  #hasPolicy = false
  /** Counts the choices of a policy: only the last one takes effect. */
  #choices = 0

  constructor(actions: MachinePanelActions) {
    this.#actions = actions
    this.#file.addEventListener('change', () => void this.#load())
    this.#remove.addEventListener('click', () => {
      this.#file.value = ''
      this.#choices++
      this.#use(undefined, NO_POLICY)
      this.#file.focus()
    })
    this.#use(undefined, NO_POLICY)
  }

  showResult(event: AttestationEvent): void {
    // A new appraisal of the key invalidates everything else about the machine.
    if (event.subject !== 'answer') this.#views = {}
    this.#views[event.subject] = resultView(event)
    this.#results.replaceChildren(...Object.values(this.#views))
    this.#actions.onVerdict(
      event.result.tier === 'affirming'
        ? { kind: 'good', summary: 'machine meets policy' }
        : { kind: 'bad', summary: 'machine violates policy' },
    )
  }

  /** Shows the evidence of an answer, where no policy appraises it. */
  showEvidence(evidence: TpmAttestation | undefined): void {
    if (!this.#hasPolicy) this.#results.replaceChildren(evidenceView(evidence))
  }

  async #load(): Promise<void> {
    const file = this.#file.files?.[0]
    if (file === undefined) return
    const choice = ++this.#choices
    // Neither the previous policy nor none is the one that was chosen.
    this.#use(refuseAll, `! Reading ${file.name}: nothing is sent meanwhile.`)
    const { policy, state } = await readPolicy(file)
    if (choice === this.#choices) this.#use(policy, state)
  }

  #use(policy: AttestationPolicy | undefined, state: string): void {
    this.#hasPolicy = policy !== undefined
    this.#remove.hidden = policy === undefined
    this.#state.textContent = state
    this.#state.className = `verdict ${policy === undefined ? 'unsure' : policy === refuseAll ? 'bad' : ''}`
    this.#views = {}
    this.#results.replaceChildren()
    this.#actions.onPolicy(policy)
    this.#actions.onVerdict(
      policy === undefined
        ? { kind: 'unsure', summary: 'machine not appraised' }
        : policy === refuseAll
          ? { kind: 'bad', summary: 'no usable policy' }
          : { kind: 'unsure', summary: 'machine not appraised yet' },
    )
  }
}

async function readPolicy(file: File): Promise<{ policy: AttestationPolicy; state: string }> {
  try {
    if (file.size > MAX_POLICY_BYTES) throw new PolicyError('the file is too large')
    const policy = attestationPolicy(parsePolicyFile(await file.text()))
    return {
      policy,
      state: `Appraised by ${file.name}: nothing is sent unless the machine meets it.`,
    }
  } catch (error) {
    const problem = error instanceof PolicyError ? error.message : 'it cannot be read'
    // A chosen policy must not be dropped silently.
    const state = `✕ ${file.name} is unusable as a policy: ${problem}. Nothing is sent with it.`
    return { policy: refuseAll, state }
  }
}

const NO_POLICY =
  '! No policy is loaded: the machine is not appraised. Its operator can create one with “nomyo attest policy init”.'

/** A policy that no machine meets, in place of one that is not read. */
const refuseAll: AttestationPolicy = {
  appraise: () => Promise.reject(new PolicyError('the policy is not read')),
}

function evidenceView(evidence: TpmAttestation | undefined): HTMLElement {
  if (evidence?.is_available !== true) {
    return element('p', {}, 'The last answer has no evidence: the gateway has no TPM.')
  }
  return element(
    'details',
    {},
    element('summary', {}, 'The last answer has evidence. It was not appraised.'),
    element(
      'p',
      {},
      'This is a claim of the machine. Without a policy it proves nothing: any machine can send it.',
    ),
    element('pre', { tabindex: '0' }, JSON.stringify(evidence.pcr_values, undefined, 2)),
  )
}
