import { isLoopback } from '@nomyo-internal/http-server'
import type { AttestationResult } from '@nomyo/attest'
import type { ReportFacts } from './facts.js'

/** Something that the checks say nothing about. */
export interface Limit {
  readonly code: string
  readonly detail: string
}

/** Lists what the checks of this report do not verify: what depends on the settings, then what always holds. */
export function limitsOf({ config, trust }: ReportFacts): readonly Limit[] {
  const { version } = trust.wire
  const result = (trust.appraisals['server-key'] ?? trust.appraisals.answer)?.result
  return [
    ...(config.policy === undefined ? [limits.machine] : machineLimits(result)),
    ...(config.policy !== undefined && config.attest === 'after-response'
      ? [limits.promptBefore]
      : []),
    ...(config.policy !== undefined && config.tier !== 'affirming' ? [limits.lowerTier] : []),
    ...(config.gateway.startsWith('https:') ? [] : [limits.plainHttp]),
    ...(version === 1 ? [limits.wire1] : []),
    ...(['first-use', 'known', 'any'].includes(trust.standing) ? [limits.firstKey] : []),
    ...(isLoopback(config.host) ? [] : [limits.remoteCallers]),
    limits.software,
    limits.modelServer,
    limits.metadata,
    limits.thisMachine,
  ]
}

function machineLimits(result: AttestationResult | undefined): readonly Limit[] {
  if (result === undefined) return [limits.notYetAppraised]
  const passed = (id: string): boolean =>
    result.checks.some((check) => check.id === id && check.status === 'pass')
  return [
    ...(result.trust === 'endorsed' ? [] : [limits.hardware]),
    ...(passed('pcr.policy') ? [] : [limits.referenceValues]),
    ...(passed('ima') ? [] : [limits.programs]),
  ]
}

const limits = {
  machine: {
    code: 'MACHINE',
    detail:
      'The machine of the gateway, and the software on it: no --policy is set. The holder of the key may run anything.',
  },
  notYetAppraised: {
    code: 'NOT_YET_APPRAISED',
    detail: 'The machine of the gateway, until an answer has carried evidence.',
  },
  hardware: {
    code: 'HARDWARE',
    detail:
      'That a genuine TPM signed the evidence: the policy names its key, and no certificate endorses it.',
  },
  referenceValues: {
    code: 'REFERENCE_VALUES',
    detail:
      'That the firmware and the boot of the machine are known: PCRs were not compared with reference values, or differ.',
  },
  programs: {
    code: 'PROGRAMS',
    detail: 'Which programs ran on the machine: no list of approved programs was compared.',
  },
  promptBefore: {
    code: 'AFTER_RESPONSE',
    detail:
      'The machine before it reads a prompt: with --attest after-response, evidence comes with the answer.',
  },
  lowerTier: {
    code: 'LOWER_TIER',
    detail: 'All that the tier affirming requires: --tier accepts less.',
  },
  plainHttp: {
    code: 'PLAIN_HTTP',
    detail:
      'The server at the address: http:// has no certificate. The list of models and the API key travel in plaintext there on wire 1.',
  },
  wire1: {
    code: 'WIRE_1',
    detail:
      'Secrecy of recorded traffic after the key of the gateway leaks, or against quantum computers. On wire 1, ' +
      'the API key is protected by TLS alone.',
  },
  firstKey: {
    code: 'FIRST_KEY',
    detail:
      'The owner of the first key: an attacker on the network path could have presented another one at that moment. A pin or a policy is better.',
  },
  remoteCallers: {
    code: 'REMOTE_CALLERS',
    detail:
      'The network between programs on other machines and this proxy: text is plaintext there.',
  },
  software: {
    code: 'AFTER_DECRYPTION',
    detail: 'What the gateway does with a text once it has decrypted it.',
  },
  modelServer: {
    code: 'MODEL_SERVER',
    detail: 'The model servers behind the gateway, the network to them, and their answers.',
  },
  metadata: {
    code: 'METADATA',
    detail: 'Nothing hides addresses, times, and the approximate lengths of requests and answers.',
  },
  thisMachine: {
    code: 'THIS_MACHINE',
    detail:
      'Programs and administrators of this machine: text between a program and this proxy is plaintext.',
  },
} as const satisfies Readonly<Record<string, Limit>>
