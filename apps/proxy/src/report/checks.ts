import type { Check } from '@nomyo/attest'
import type { WireInfo } from '@nomyo/client'
import type { Appraisal, Trust } from '../upstream/trust.js'
import type { ReportFacts } from './facts.js'

/** Outcome of one check. `skip` never counts as passed. */
export interface ReportedCheck extends Pick<
  Check,
  'status' | 'code' | 'detail' | 'expected' | 'actual'
> {
  /** Of the proxy, or `machine.` or `answer.` with the id of a check of the appraisal. */
  readonly id: string
}

/** Lists all checks in the order in which they are made. */
export function checksOf({ config, trust, outcome }: ReportFacts): readonly ReportedCheck[] {
  return [
    'code' in outcome
      ? { id: 'gateway', status: 'fail', code: outcome.code, detail: outcome.message }
      : lastAnswer(trust),
    connection(config.gateway),
    ...('code' in outcome ? [] : [wireCheck(outcome), ...statementChecks(outcome)]),
    ...('code' in outcome ? [] : [keyTrust(outcome, trust.standing)]),
    ...machineChecks('machine', trust.appraisals['server-key']),
    ...machineChecks('answer', trust.appraisals.answer),
  ]
}

function lastAnswer({ problem }: Trust): ReportedCheck {
  return problem === undefined
    ? {
        id: 'gateway',
        status: 'pass',
        code: 'GATEWAY_TRUSTED',
        detail:
          'The checks before a request pass, and no answer has been refused since the last good one.',
      }
    : {
        id: 'gateway',
        status: 'fail',
        code: problem,
        detail: 'The last request or its answer was refused for this reason.',
      }
}

function connection(gateway: string): ReportedCheck {
  return gateway.startsWith('https:')
    ? {
        id: 'connection',
        status: 'pass',
        code: 'TLS',
        detail: 'The gateway is reached over TLS, whose certificate is verified by this machine.',
      }
    : {
        id: 'connection',
        status: 'warn',
        code: 'PLAIN_HTTP',
        detail: 'The gateway is reached over http://: its key could be substituted on first use.',
      }
}

function wireCheck({ wire, reason, kem }: WireInfo): ReportedCheck {
  if (wire === 2) {
    const how = kem === undefined ? '' : ` (${kem.name}, ${kem.implementation})`
    return {
      id: 'wire',
      status: 'pass',
      code: 'WIRE_2',
      detail: `Whole requests are encrypted with a post-quantum key exchange${how} to keys that live for hours.`,
    }
  }
  return {
    id: 'wire',
    status: 'warn',
    code: 'WIRE_1',
    detail:
      reason === 'configured'
        ? 'Wire 1, as configured.'
        : 'Wire 1: the gateway says that it offers no wire 2, and nothing contradicts it.',
  }
}

function statementChecks({ statement }: WireInfo): readonly ReportedCheck[] {
  if (statement === undefined) return []
  const { namesIdentities, minWire } = statement
  return [
    {
      id: 'statement.signature',
      status: 'pass',
      code: 'STATEMENT_SIGNED',
      detail: 'The key statement is signed by the identity key, and is valid now.',
    },
    namesIdentities
      ? {
          id: 'statement.identities',
          status: 'pass',
          code: 'IDENTITIES_NAMED',
          detail: 'The key statement names the identities that may sign it.',
        }
      : {
          id: 'statement.identities',
          status: 'warn',
          code: 'IDENTITIES_MISSING',
          detail:
            'The key statement does not name its identities: only a pin identifies its owner.',
        },
    minWire === '2'
      ? {
          id: 'statement.minWire',
          status: 'pass',
          code: 'WIRE_1_REFUSED',
          detail: 'The gateway refuses wire 1 of every client.',
        }
      : {
          id: 'statement.minWire',
          status: 'skip',
          code: 'WIRE_1_SERVED',
          detail: 'The gateway serves wire 1 too; this proxy does not use it.',
        },
  ]
}

function keyTrust({ reason }: WireInfo, standing: Trust['standing']): ReportedCheck {
  const id = 'key'
  switch (reason === 'configured' || reason === 'not-offered' ? standing : reason) {
    case 'pinned':
      return { id, status: 'pass', code: 'KEY_PINNED', detail: 'The key is pinned.' }
    case 'known':
      return {
        id,
        status: 'pass',
        code: 'KEY_KNOWN',
        detail: 'The key is the one that was recorded on first use.',
      }
    case 'vouched':
      return {
        id,
        status: 'pass',
        code: 'KEY_VOUCHED',
        detail: 'The holder of a pinned or known server key endorses the identity.',
      }
    case 'attested':
      return {
        id,
        status: 'pass',
        code: 'KEY_ATTESTED',
        detail: 'A machine that meets the policy published the key statement.',
      }
    case 'first-use':
      return standing === 'any' ? anyKey : { ...firstUse, id }
    default:
      return anyKey
  }
}

const firstUse = {
  status: 'warn',
  code: 'KEY_FIRST_USE',
  detail: 'The key was trusted on first use and is recorded: another one is refused from now on.',
} as const

const anyKey: ReportedCheck = {
  id: 'key',
  status: 'warn',
  code: 'KEY_UNVERIFIED',
  detail: 'The key is neither pinned nor known: any key is accepted.',
}

function machineChecks(
  subject: 'machine' | 'answer',
  appraisal: Appraisal | undefined,
): readonly ReportedCheck[] {
  if (appraisal === undefined) {
    const what = subject === 'machine' ? 'for its key' : 'with an answer'
    return [
      {
        id: subject,
        status: 'skip',
        code: 'NO_APPRAISAL',
        detail: `The machine was not appraised ${what}.`,
      },
    ]
  }
  return appraisal.result.checks.map(({ id, status, code, detail, expected, actual }) => ({
    id: `${subject}.${id}`,
    status,
    code,
    detail,
    ...(expected === undefined ? {} : { expected }),
    ...(actual === undefined ? {} : { actual }),
  }))
}
