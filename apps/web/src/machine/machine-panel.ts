import { PolicyError, attestationPolicy } from '@nomyo/attest'
import { parsePolicyFile } from '@nomyo/attest/policy-file'
import type { AttestationEvent, AttestationPolicy, TpmAttestation } from '@nomyo/client'
import { byId } from '../element.js'
import { evidenceView } from './evidence-view.js'
import { resultView } from './result-view.js'

/** Policies take a few kilobytes. */
const MAX_POLICY_BYTES = 1024 * 1024

/** What is known of the machine, and the policy it is judged by. */
export class MachinePanel {
  readonly #file = byId('policy', HTMLInputElement)
  readonly #forget = byId('forget-policy', HTMLButtonElement)
  readonly #state = byId('policy-state', HTMLElement)
  readonly #results = byId('results', HTMLElement)
  readonly #onPolicy: (policy: AttestationPolicy | undefined) => void
  #views: Partial<Record<AttestationEvent['subject'], HTMLElement>> = {}
  #isJudging = false
  /** Counts what was chosen: only the last counts. */
  #choices = 0

  constructor(onPolicy: (policy: AttestationPolicy | undefined) => void) {
    this.#onPolicy = onPolicy
    this.#file.addEventListener('change', () => void this.#load())
    this.#forget.addEventListener('click', () => {
      this.#file.value = ''
      this.#choices++
      this.#use(undefined, NOT_JUDGED)
      this.#file.focus()
    })
    this.#use(undefined, NOT_JUDGED)
  }

  showResult(event: AttestationEvent): void {
    // A new look at the machine comes before everything else about it.
    if (event.subject !== 'answer') this.#views = {}
    this.#views[event.subject] = resultView(event)
    this.#results.replaceChildren(...Object.values(this.#views))
  }

  /** What came with an answer, where no policy judges it. */
  showEvidence(evidence: TpmAttestation | undefined): void {
    if (!this.#isJudging) this.#results.replaceChildren(evidenceView(evidence))
  }

  async #load(): Promise<void> {
    const file = this.#file.files?.[0]
    if (file === undefined) return
    const choice = ++this.#choices
    // Neither the policy before nor none is what was chosen.
    this.#use(refuseAll, `! Reading ${file.name}: nothing is sent meanwhile.`)
    const { policy, state } = await readPolicy(file)
    if (choice === this.#choices) this.#use(policy, state)
  }

  #use(policy: AttestationPolicy | undefined, state: string): void {
    this.#isJudging = policy !== undefined
    this.#forget.hidden = policy === undefined
    this.#state.textContent = state
    this.#state.className = `verdict ${policy === undefined ? 'unsure' : policy === refuseAll ? 'bad' : ''}`
    this.#views = {}
    this.#results.replaceChildren()
    this.#onPolicy(policy)
  }
}

async function readPolicy(file: File): Promise<{ policy: AttestationPolicy; state: string }> {
  try {
    if (file.size > MAX_POLICY_BYTES) throw new PolicyError('the file is too large')
    const policy = attestationPolicy(parsePolicyFile(await file.text()))
    return { policy, state: `Judged by ${file.name}: nothing is sent unless the machine meets it.` }
  } catch (error) {
    const why = error instanceof PolicyError ? error.message : 'it cannot be read'
    // A person who chose a policy must not go on without one and not know.
    const state = `✕ ${file.name} is no usable policy: ${why}. Nothing is sent with it.`
    return { policy: refuseAll, state }
  }
}

const NOT_JUDGED =
  '! No policy is loaded: the machine is not judged. Its operator can make one with “nomyo attest policy init”.'

/** Stands for a policy that could not be read, or not yet. */
const refuseAll: AttestationPolicy = {
  appraise: () => Promise.reject(new PolicyError('the policy is not read')),
}
