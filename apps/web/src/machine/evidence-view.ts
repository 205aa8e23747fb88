import type { TpmAttestation } from '@nomyo/client'
import { element } from '../element.js'

/** What an answer says about its machine, where no policy judges it. */
export function evidenceView(evidence: TpmAttestation | undefined): HTMLElement {
  if (evidence?.is_available !== true) {
    return element('p', {}, 'The last answer brought no evidence: the gateway has no TPM to show.')
  }
  const values: unknown = evidence.pcr_values
  return element(
    'details',
    {},
    element('summary', {}, 'The last answer brought evidence. Nobody has judged it.'),
    element(
      'p',
      {},
      'This is what the machine says of itself. Without a policy it proves nothing: anybody can write it.',
    ),
    element('pre', { tabindex: '0' }, JSON.stringify(values, undefined, 2)),
  )
}
