import { createHash } from 'node:crypto'
import { printableLine } from '@nomyo-internal/diagnostics'
import type { CheckStatus } from '@nomyo/attest'
import type { Report } from './report.js'

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884 }
td:last-child, li, p { overflow-wrap: anywhere }
code { font-family: ui-monospace, monospace; font-size: .9em }
.verdict { padding: .6rem 1rem; border-left: .4rem solid; font-weight: 600 }
.pass { color: light-dark(#0a6b2e, #6fdc94) } .fail { color: light-dark(#b00020, #ff8a80) }
.warn { color: light-dark(#7a4d00, #ffcc66) } .skip { color: light-dark(#555, #aaa) }
`

/** Headers of the page: it runs nothing, loads nothing and is not framed. */
export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    "form-action 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const

const STATUS_WORDS: Readonly<Record<CheckStatus, string>> = {
  pass: 'passed',
  fail: 'FAILED',
  warn: 'warning',
  skip: 'no result',
}

/** Writes a report as a page. Texts of the gateway are escaped. */
export function reportPage(report: Report): string {
  const { status, createdAt, gateway, checks, notVerified } = report
  const isTrusted = status === 'ok'
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>Verification report</title><style>${STYLE}</style></head><body><main>`,
    '<h1>Verification report of nomyo-proxy</h1>',
    `<p class="verdict ${isTrusted ? 'pass' : 'fail'}">`,
    isTrusted
      ? 'Requests are encrypted to the gateway below.'
      : `No request succeeds: ${escape(status)}.`,
    `</p><p>${escape(gateway)}, at ${escape(createdAt)}</p>`,
    '<p>The proxy made the checks below. The last list says what they do not verify.</p>',
    '<h2>Gateway</h2>',
    table(['Fact', 'Value'], factsOf(report)),
    '<h2>Checks</h2>',
    table(
      ['Result', 'Check', 'Reason'],
      checks.map(({ id, status: outcome, code, detail, expected, actual }) => [
        `<span class="${outcome}">${STATUS_WORDS[outcome]}</span>`,
        `<code>${escape(id)}</code>`,
        `${escape(detail)} <code>${escape(code)}</code>` +
          (expected === undefined ? '' : `<br>expected <code>${escape(expected)}</code>`) +
          (actual === undefined ? '' : `<br>found <code>${escape(actual)}</code>`),
      ]),
    ),
    '<h2>Not verified</h2><ul>',
    ...notVerified.map(({ code, detail }) => `<li>${escape(detail)} <code>${code}</code></li>`),
    '</ul></main></body></html>\n',
  ].join('')
}

/** Rows of facts, as HTML. */
function factsOf({ wire, statement, identity, evidence }: Report): (readonly string[])[] {
  const { required, key, answer } = evidence
  const rows: [string, string][] = [
    ['Protocol', `wire ${wire.version} (${wire.reason})`],
    ...(wire.kem === null
      ? []
      : [['Key exchange', `${wire.kem.name}, ${wire.kem.implementation}`] as [string, string]]),
    [identity.type === 'identity' ? 'Identity key' : 'Server key', identity.fingerprint],
    ['Trust in the key', identity.standing],
    ...(statement === null
      ? []
      : ([
          ['Key statement', statement.sha256],
          ['Valid', `${statement.notBefore} to ${statement.notAfter}`],
          ['Routes', statement.routes.join(', ')],
        ] as [string, string][])),
    [
      'Attestation',
      required === null
        ? 'not required'
        : `${required.tier} by ${required.policy}, ${required.when}`,
    ],
    ...(
      [
        ['Evidence for the key', key],
        ['Evidence with an answer', answer],
      ] as const
    ).map(([subject, appraisal]): [string, string] => [
      subject,
      appraisal === null
        ? 'none'
        : `${appraisal.tier} (${appraisal.trust}), ${appraisal.appraisedAt}`,
    ]),
  ]
  return rows.map(([name, value]) => [escape(name), `<code>${escape(value)}</code>`])
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads.map((text) => `<th scope="col">${escape(text)}</th>`).join('')
  const body = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`)
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escape = (text: string): string =>
  printableLine(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
