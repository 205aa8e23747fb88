import { CHECKS, CHECK_IDS, type CheckId, type Verdicts } from '../checks/checks.js'
import type { Trust } from '../trust/anchor.js'
import type { QuoteClaims } from './claims.js'
import type { AttestationResult, Tier, TrustworthinessVector } from './result.js'

/** Summarizes all verdicts in a tier, a trustworthiness vector and the facts that count. */
export function summarize(
  verdicts: Verdicts,
  endorsed: Trust,
  claims: QuoteClaims | undefined,
): AttestationResult {
  const checks = CHECK_IDS.map((id) => ({ id, ...verdicts[id] }))
  const isAuthentic = !authenticityFailed(verdicts)
  const trust = isAuthentic ? endorsed : 'unendorsed'
  const facts = isAuthentic && claims !== undefined
  return {
    tier: tierOf(verdicts, trust),
    trust,
    checks,
    vector: vectorOf(verdicts, trust),
    ...(facts ? { [trust === 'unendorsed' ? 'claimed' : 'verified']: claims } : {}),
  }
}

/** True when a check failed without which the facts of the quote are not signed facts. */
function authenticityFailed(verdicts: Verdicts): boolean {
  return CHECKS.some(
    ({ id, establishesAuthenticity }) => establishesAuthenticity && verdicts[id].status === 'fail',
  )
}

/** Affirming requires an endorsement, reference values that match, and no objection. */
function tierOf(verdicts: Verdicts, trust: Trust): Tier {
  const has = (status: string) =>
    Object.values(verdicts).some((verdict) => verdict.status === status)
  if (has('fail')) return 'contraindicated'
  if (trust === 'unendorsed') return 'none'
  return has('warn') || verdicts['pcr.policy'].status !== 'pass' ? 'warning' : 'affirming'
}

/** Values of draft-ietf-rats-ar4si, section 2.3. */
const CRYPTOGRAPHIC_VALIDATION_FAILED = 99
const UNRECOGNIZED_INSTANCE = 97
const RECOGNIZED_INSTANCE = 2
const GENUINE_HARDWARE = 2
const APPROVED_CONFIGURATION = 2
const UNSUPPORTABLE_CONFIGURATION = 96
const APPROVED_RUNTIME = 2
const UNSAFE_RUNTIME = 32
const CONTRAINDICATED_RUNTIME = 96

function vectorOf(verdicts: Verdicts, trust: Trust): TrustworthinessVector {
  const failed = (id: CheckId) => verdicts[id].status === 'fail'
  if (failed('ak.trust') || failed('ak.name')) {
    return { 'instance-identity': UNRECOGNIZED_INSTANCE }
  }
  if (authenticityFailed(verdicts)) {
    return { 'instance-identity': CRYPTOGRAPHIC_VALIDATION_FAILED }
  }
  if (trust === 'unendorsed') return {}
  return {
    'instance-identity': RECOGNIZED_INSTANCE,
    // A pinned Name identifies the signing key, not the hardware that holds it.
    ...(trust === 'endorsed' ? { hardware: GENUINE_HARDWARE } : {}),
    ...configurationOf(verdicts),
    ...executablesOf(verdicts),
  }
}

function configurationOf(verdicts: Verdicts): TrustworthinessVector {
  switch (verdicts['pcr.policy'].status) {
    case 'pass':
      return { configuration: APPROVED_CONFIGURATION }
    case 'fail':
      return { configuration: UNSUPPORTABLE_CONFIGURATION }
    default:
      return {}
  }
}

function executablesOf({ eventlog, ima }: Verdicts): TrustworthinessVector {
  const statuses = [eventlog.status, ima.status]
  if (statuses.includes('fail')) return { executables: CONTRAINDICATED_RUNTIME }
  if (statuses.includes('warn')) return { executables: UNSAFE_RUNTIME }
  // A log that replays states which programs ran, not that they were approved.
  return ima.code === 'IMA_ALLOWED' ? { executables: APPROVED_RUNTIME } : {}
}
