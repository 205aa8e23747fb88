import type { AttestationResult } from '@nomyo/attest'
import type { WireInfo } from '@nomyo/client'
import type { ProxyConfig } from '../config/config.js'
import type { Appraisal, Trust } from '../upstream/trust.js'
import { checksOf, type ReportedCheck } from './checks.js'
import type { ReportFacts } from './facts.js'
import { limitsOf, type Limit } from './limits.js'

/** Account of the verified and the unverified facts about the gateway. Holds no secret and no text of a request. */
export interface Report {
  readonly type: 'nomyo-report/1'
  /** ISO 8601. */
  readonly createdAt: string
  /** `ok`, or the code of the error for which no request is sent, or none succeeds. */
  readonly status: string
  readonly gateway: string
  readonly wire: {
    readonly version: 1 | 2
    readonly reason: WireInfo['reason']
    /** On wire 2. */
    readonly kem: NonNullable<WireInfo['kem']> | null
  }
  /** Key statement, on wire 2. */
  readonly statement: ReportedStatement | null
  readonly identity: {
    readonly type: 'identity' | 'server-key'
    readonly fingerprint: string
    readonly standing: Trust['standing']
    readonly pins: readonly string[]
    /** File of the keys that were trusted on first use. */
    readonly knownServers: string | null
  }
  readonly evidence: {
    /** Policy that the machine must meet; null without attestation. */
    readonly required: {
      readonly policy: string
      readonly tier: string
      readonly when: ProxyConfig['attest']
    } | null
    /** Last appraisal of the machine for its key or key statement, and with an answer. */
    readonly key: ReportedAppraisal | null
    readonly answer: ReportedAppraisal | null
  }
  readonly checks: readonly ReportedCheck[]
  readonly notVerified: readonly Limit[]
}

/** Key statement of wire 2, whose form, times and signatures were checked. */
export interface ReportedStatement {
  readonly sha256: string
  /** ISO 8601. */
  readonly notBefore: string
  readonly notAfter: string
  readonly minWire: string
  readonly identities: readonly string[]
  readonly rsaKeys: readonly string[]
  readonly routes: readonly string[]
  readonly maxRequest: number
  readonly maxChunk: number
}

/** An appraisal, without its checks, which {@link Report.checks} lists. */
export interface ReportedAppraisal extends Omit<AttestationResult, 'checks'> {
  readonly appraisedAt: string
  readonly payloadId: string | null
}

/** Creates a report. */
export function createReport(facts: ReportFacts): Report {
  const { config, trust, outcome, now } = facts
  const wire = 'wire' in outcome ? outcome : undefined
  const { version, reason } = trust.wire
  return {
    type: 'nomyo-report/1',
    createdAt: now.toISOString(),
    status: 'code' in outcome ? outcome.code : (trust.problem ?? 'ok'),
    gateway: config.gateway,
    wire: { version, reason, kem: wire?.kem ?? null },
    statement: wire?.statement === undefined ? null : statementOf(wire.statement),
    identity: {
      type: version === 2 ? 'identity' : 'server-key',
      fingerprint: trust.fingerprint,
      standing: trust.standing,
      pins: config.pin,
      knownServers: config.knownServers ?? null,
    },
    evidence: {
      required:
        config.policy === undefined
          ? null
          : { policy: config.policy, tier: config.tier, when: config.attest },
      key: appraisalOf(trust.appraisals['server-key']),
      answer: appraisalOf(trust.appraisals.answer),
    },
    checks: checksOf(facts),
    notVerified: limitsOf(facts),
  }
}

function statementOf(statement: NonNullable<WireInfo['statement']>): ReportedStatement {
  const { sha256, notBefore, notAfter, minWire, identities, rsaKeys, routes } = statement
  const { maxRequest, maxChunk } = statement
  return {
    sha256,
    notBefore: isoTime(notBefore),
    notAfter: isoTime(notAfter),
    minWire,
    identities,
    rsaKeys,
    routes,
    maxRequest,
    maxChunk,
  }
}

const isoTime = (seconds: number): string => new Date(seconds * 1000).toISOString()

function appraisalOf(appraisal: Appraisal | undefined): ReportedAppraisal | null {
  if (appraisal === undefined) return null
  const { appraisedAt, payloadId = null, result } = appraisal
  const { checks: _, ...facts } = result
  return { appraisedAt, payloadId, ...facts }
}
