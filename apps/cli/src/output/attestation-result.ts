import type { AttestationResult, CheckStatus } from '@nomyo/attest'
import { printableLine } from '@nomyo-internal/diagnostics'
import type { Output } from './output.js'

const SIGNS: Readonly<Record<CheckStatus, string>> = {
  pass: 'ok  ',
  fail: 'FAIL',
  warn: 'warn',
  skip: '-   ',
}

/** Prints the table of checks, and their conclusion. */
export function showResult(output: Output, result: AttestationResult): void {
  const { line, style } = output
  const paint = { pass: style.good, fail: style.bad, warn: style.bad, skip: style.quiet }
  for (const { id, status, code, detail, expected, actual } of result.checks) {
    line(`${paint[status](SIGNS[status])}  ${id.padEnd(24)} ${code}`)
    if (status !== 'pass') line(style.quiet(`      ${printableLine(detail)}`))
    if (expected !== undefined) line(style.quiet(`      expected ${printableLine(expected)}`))
    if (actual !== undefined) line(style.quiet(`      found    ${printableLine(actual)}`))
  }
  line()
  line(style.title(`tier ${result.tier}, key ${result.trust}`))
  for (const text of conclusion(result)) line(text)
}

/** States the result in sentences, none of which promises more than the checks. */
function conclusion({ tier, trust, checks, verified, claimed }: AttestationResult): string[] {
  const facts = verified ?? claimed
  const known = facts?.akName === undefined ? [] : [`Attestation key ${facts.akName}`]
  if (tier === 'contraindicated') {
    const failed = checks.filter(({ status }) => status === 'fail').map(({ id }) => id)
    return ['Do not trust this machine.', `Failed: ${failed.join(', ')}`, ...known]
  }
  if (trust === 'unendorsed') {
    return [
      'No trust anchor endorses the key that signed this; a program without a TPM can make such evidence.',
      'It shows that its maker knew the nonce and held that key, and nothing about a machine.',
      ...known,
    ]
  }
  const whose =
    trust === 'pinned'
      ? 'The policy names the key that signed this.'
      : 'A trust anchor of the policy endorses the key that signed this.'
  return tier === 'affirming'
    ? [whose, 'The quoted PCRs match the reference values of the policy.', ...known]
    : [
        whose,
        'A check warns, or the PCRs were not compared with reference values: see above.',
        ...known,
      ]
}
