import {
  CHECK_IDS,
  type AttestationResult,
  type CheckId,
  type QuoteClaims,
  type Tier,
  type Trust,
  type TrustworthinessVector,
  type Verdicts,
} from './result.js'

/**
 * What must hold before a fact of the quote is a signed fact. What is not listed (PCR policy, clock,
 * firmware, logs) judges facts; it does not make them.
 */
const AUTHENTIC: readonly CheckId[] = [
  'evidence.shape',
  'quote.parse',
  'signature.parse',
  'ak.parse',
  'quote.magic',
  'quote.type',
  'ak.attributes',
  'ak.strength',
  'ak.point',
  'signature.scheme',
  'signature.valid',
  'nonce',
  'pcr.selection',
  'pcr.digest',
  'ak.name',
  'ak.trust',
]

/** Draws the conclusion from all verdicts. */
export function conclude(
  verdicts: Verdicts,
  vouchedFor: Trust,
  claims: QuoteClaims | undefined,
): AttestationResult {
  const checks = CHECK_IDS.map((id) => ({ id, ...verdicts[id] }))
  const authentic = AUTHENTIC.every((id) => verdicts[id].status !== 'fail')
  const trust = authentic ? vouchedFor : 'unendorsed'
  const tier = tierOf(verdicts, trust)
  const facts = authentic ? claims : undefined
  return {
    tier,
    trust,
    checks,
    vector: vectorOf(verdicts, trust),
    ...(facts === undefined
      ? {}
      : trust === 'unendorsed'
        ? { claimed: facts }
        : { verified: facts }),
  }
}

/** Affirming needs somebody who vouches, reference values that were met, and nothing to object to. */
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
  if (AUTHENTIC.some(failed)) return { 'instance-identity': CRYPTOGRAPHIC_VALIDATION_FAILED }
  if (trust === 'unendorsed') return {}
  return {
    'instance-identity': RECOGNIZED_INSTANCE,
    // A pinned Name says which key signed, not what it is kept in.
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
  // A log that merely fits says what ran, not that it was approved.
  return ima.code === 'IMA_ALLOWED' ? { executables: APPROVED_RUNTIME } : {}
}
