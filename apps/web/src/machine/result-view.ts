import type { Check, CheckStatus, Tier } from '@nomyo/attest'
import type { AttestationEvent } from '@nomyo/client'
import { element } from '../dom.js'
import { CHECK_QUESTIONS } from './check-questions.js'

const WORDS: Readonly<Record<CheckStatus, readonly [sign: string, word: string]>> = {
  fail: ['✕', 'failed'],
  warn: ['!', 'warning'],
  pass: ['✓', 'passed'],
  skip: ['–', 'not checked'],
}

const TIERS: Readonly<Record<Tier, readonly [kind: string, text: string]>> = {
  affirming: ['good', '✓ The machine meets your policy.'],
  warning: ['bad', '! The evidence does not cover everything that your policy requires.'],
  none: ['bad', '✕ No authority that your policy trusts endorses this machine.'],
  contraindicated: ['bad', '✕ The machine, or its evidence, violates your policy.'],
}

/** Renders one result, check by check, worst first. */
export function resultView({ subject, result }: AttestationEvent): HTMLElement {
  const [kind, text] = TIERS[result.tier]
  const statuses: readonly CheckStatus[] = ['fail', 'warn', 'pass']
  const checked = statuses.flatMap((status) =>
    result.checks.filter((check) => check.status === status),
  )
  const skipped = result.checks.filter(({ status }) => status === 'skip')
  return element(
    'section',
    { class: 'result', 'data-subject': subject, 'data-tier': result.tier },
    element(
      'h3',
      {},
      subject === 'answer' ? 'With the last answer' : 'Before anything was encrypted',
    ),
    element('p', { class: `verdict ${kind}` }, text),
    element('ul', { class: 'checks' }, ...checked.map(checkView)),
    element(
      'details',
      {},
      element('summary', {}, `${skipped.length} not checked: not required, or undecidable`),
      element('ul', { class: 'checks' }, ...skipped.map(checkView)),
    ),
  )
}

function checkView({ id, status, detail, expected, actual }: Check): HTMLElement {
  const [sign, word] = WORDS[status]
  const values = [
    ['expected', expected],
    ['found', actual],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name ?? ''}: ${value}`]))
  return element(
    'li',
    { class: status, 'data-check': id },
    element(
      'span',
      { class: 'status' },
      element('span', { 'aria-hidden': 'true' }, `${sign} `),
      word,
    ),
    element(
      'span',
      {},
      CHECK_QUESTIONS[id],
      element('span', { class: 'small' }, [`${id}: ${detail}`, ...values].join('; ')),
    ),
  )
}
