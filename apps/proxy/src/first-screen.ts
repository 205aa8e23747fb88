import { resolve } from 'node:path'
import type { ProxyConfig } from './config.js'
import type { Proxy } from './proxy.js'

/** What was found out about the gateway: what it is about, and what it is. */
export function foundOut(
  config: ProxyConfig,
  { trust }: Pick<Proxy, 'trust'>,
): (readonly [string, string])[] {
  return [
    ['gateway', config.gateway.url],
    ['server key', `${trust.fingerprint} (${standing(config, trust.standing)})`],
    ['attestation', attested(config, trust.attestation)],
  ]
}

/** What somebody at a terminal sees once everything is well, ready to paste. */
export function firstScreen(
  config: ProxyConfig,
  proxy: Pick<Proxy, 'trust' | 'baseUrl' | 'token' | 'hasApiKey'>,
): string {
  return [
    '',
    "nomyo-proxy: OpenAI's API here, sealed from here to the gateway.",
    '',
    ...foundOut(config, proxy).map(([about, text]) => `  ${about.padEnd(11)}  ${text}`),
    '',
    'In the shell of a program, or in its settings:',
    '',
    `  export OPENAI_BASE_URL=${proxy.baseUrl}`,
    `  export OPENAI_API_KEY=${keyToPaste(config, proxy.token)}`,
    '',
    ...(proxy.hasApiKey
      ? []
      : ['No API key for the gateway was given: set NOMYO_API_KEY if it wants one.', '']),
    'Between programs and this address the text is in the clear. Ctrl-C ends it.',
    '',
  ].join('\n')
}

function standing({ knownServers }: ProxyConfig, standing: Proxy['trust']['standing']): string {
  switch (standing) {
    case 'pinned':
      return 'pinned'
    case 'known':
      return `known, ${knownServers ?? ''}`
    case 'first-use':
      return `first use, remembered in ${knownServers ?? ''}`
    case 'any':
      return 'neither pinned nor known: any key would have done'
  }
}

function attested(
  { attestation: wanted }: ProxyConfig,
  found: Proxy['trust']['attestation'],
): string {
  if (wanted === undefined) return 'none asked for: nothing is known of the machine (--policy)'
  if (found === null)
    return `of every answer, after the gateway has read the prompt (${wanted.tier})`
  return `${found.tier}: the machine vouched for this key (${found.trust})`
}

/** A token that lasts stays where it is. */
function keyToPaste({ token: source }: ProxyConfig, token: string | undefined): string {
  if (source.kind === 'file')
    return `"$(cat '${resolve(source.path).replaceAll("'", String.raw`'\''`)}')"`
  if (source.kind === 'given') return '"$NOMYO_PROXY_TOKEN"'
  return token ?? 'none-needed'
}
