import { byId } from '../dom.js'
import type { Verdict } from './verdict.js'

const SIGNS = { good: '✓', unsure: '!', bad: '✕' } as const
const WORST_FIRST = ['bad', 'unsure', 'good'] as const

/** Summary of all verdicts beside the field of the message: it is as good as the worst of them. */
export class TrustBadge {
  readonly #button = byId('trust', HTMLButtonElement)
  readonly #sign = byId('trust-sign', HTMLElement)
  readonly #text = byId('trust-text', HTMLElement)
  #verdicts: Readonly<Record<string, Verdict>> = {}

  /** Replaces the verdict about a subject. */
  show(subject: 'key' | 'machine', verdict: Verdict): void {
    this.#verdicts = { ...this.#verdicts, [subject]: verdict }
    const all = Object.values(this.#verdicts)
    const kind = WORST_FIRST.find((one) => all.some((found) => found.kind === one)) ?? 'unsure'
    this.#button.className = `badge ${kind}`
    this.#sign.textContent = SIGNS[kind]
    this.#text.textContent = all
      // A problem is shown alone.
      .filter((found) => kind !== 'bad' || found.kind === 'bad')
      .map(({ summary }) => summary)
      .join(', ')
  }
}
