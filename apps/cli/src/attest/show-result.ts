import type { AttestationResult, CheckStatus } from '@nomyo/attest'
import { oneLine, type Output } from '../output.js'

const SIGNS: Readonly<Record<CheckStatus, string>> = {
  pass: 'ok  ',
  fail: 'FAIL',
  warn: 'warn',
  skip: '-   ',
}

/** The table of checks, and what they come to. */
export function showResult(output: Output, result: AttestationResult, fingerprint?: string): void {
  const { line, style } = output
  const paint = { pass: style.good, fail: style.bad, warn: style.bad, skip: style.quiet }
  for (const { id, status, code, detail, expected, actual } of result.checks) {
    line(`${paint[status](SIGNS[status])}  ${id.padEnd(24)} ${code}`)
    if (status !== 'pass') line(style.quiet(`      ${oneLine(detail)}`))
    if (expected !== undefined) line(style.quiet(`      expected ${oneLine(expected)}`))
    if (actual !== undefined) line(style.quiet(`      found    ${oneLine(actual)}`))
  }
  line()
  line(style.title(`tier ${result.tier}, key ${result.trust}`))
  for (const text of conclusion(result)) line(text)
  if (fingerprint !== undefined) {
    line(`The gateway showed the encryption key ${fingerprint}`)
  }
}

/** The result in sentences; none promises more than the checks. */
function conclusion({ tier, trust, checks, verified, claimed }: AttestationResult): string[] {
  const facts = verified ?? claimed
  const known = facts?.akName === undefined ? [] : [`Attestation key ${facts.akName}`]
  if (tier === 'contraindicated') {
    const failed = checks.filter(({ status }) => status === 'fail').map(({ id }) => id)
    return ['Do not trust this machine with anything.', `Failed: ${failed.join(', ')}`, ...known]
  }
  if (trust === 'unendorsed') {
    return [
      'Nobody vouches for the key that signed this; a program without a TPM can make such evidence.',
      'It shows that whoever made it knew the nonce and held that key. Nothing about a machine.',
      ...known,
    ]
  }
  const whose =
    trust === 'pinned'
      ? 'The key that signed this is one the policy names.'
      : 'The key that signed this is endorsed by an anchor of the policy.'
  return tier === 'affirming'
    ? [whose, 'The quoted PCRs have values the policy knows.', ...known]
    : [whose, 'There is something to object to, or the PCRs were not judged: see above.', ...known]
}
