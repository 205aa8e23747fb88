import { resolve } from 'node:path'
import { printable } from '@nomyo-internal/diagnostics'
import type { ProxyConfig } from './config/config.js'
import type { Proxy } from './proxy.js'
import type { Trust } from './upstream/trust.js'

/** Describes the gateway and the trust in it, as pairs of subject and text. */
export function describeGateway(
  config: ProxyConfig,
  trust: Trust,
): readonly (readonly [subject: string, text: string])[] {
  return [
    ['gateway', config.gateway],
    ['wire', describeWire(trust)],
    [
      trust.wire.version === 2 ? 'identity' : 'server key',
      `${trust.fingerprint} (${describeStanding(config, trust)})`,
    ],
    ['attestation', describeAttestation(config, trust)],
  ]
}

/** Formats the text for a terminal once the proxy listens, with lines to paste. */
export function formatBanner(
  config: ProxyConfig,
  { trust, baseUrl, token, hasApiKey }: Pick<Proxy, 'trust' | 'baseUrl' | 'token' | 'hasApiKey'>,
): string {
  const lines = [
    '',
    "nomyo-proxy: OpenAI's API on this machine, end-to-end encrypted to the gateway.",
    '',
    ...describeGateway(config, trust).map(([subject, text]) => `  ${subject.padEnd(11)}  ${text}`),
    '',
    'Set these in the shell of a program, or in its settings:',
    '',
    `  export OPENAI_BASE_URL=${baseUrl}`,
    `  export OPENAI_API_KEY=${tokenToPaste(config, token)}`,
    '',
    ...(hasApiKey
      ? []
      : ['No API key for the gateway is set: set NOMYO_API_KEY if the gateway requires one.', '']),
    "Programs for Anthropic's API: the same token, and the address without /v1.",
    `Verification report: ${new URL('/nomyo/report', baseUrl).href}`,
    'Between programs and this address, text travels in plaintext. Ctrl-C stops the proxy.',
    '',
  ]
  return printable(lines.join('\n'))
}

function describeWire({ wire: { version, reason, statementSha256 } }: Trust): string {
  if (version === 2) return `2, key statement ${statementSha256 ?? ''}`
  return reason === 'configured'
    ? '1, as configured'
    : '1: the gateway does not offer wire 2, which is post-quantum and hides the API key'
}

function describeStanding({ knownServers = '' }: ProxyConfig, { standing }: Trust): string {
  switch (standing) {
    case 'pinned':
      return 'pinned'
    case 'known':
      return `known, ${knownServers}`
    case 'vouched':
      return 'vouched for by a pinned or known server key'
    case 'first-use':
      return `first use, stored in ${knownServers}`
    case 'any':
      return 'neither pinned nor known: any key is accepted'
  }
}

function describeAttestation({ policy, tier }: ProxyConfig, trust: Trust): string {
  const { attestation: facts } = trust
  if (policy === undefined) return 'not required: nothing is known about the machine (--policy)'
  if (facts === null) {
    return `with every answer, after the gateway has read the prompt (${tier})`
  }
  return `${facts.tier}: the machine endorsed this key (${facts.trust})`
}

/** A lasting token is referred to, not shown. */
function tokenToPaste(config: ProxyConfig, token: string | undefined): string {
  if (config.tokenFile !== undefined) {
    return `"$(cat '${resolve(config.tokenFile).replaceAll("'", String.raw`'\''`)}')"`
  }
  if (config.token !== undefined) return '"$NOMYO_PROXY_TOKEN"'
  return token ?? 'none-needed'
}
