import { FLAGS } from './flags.js'

/** The text behind `--help`. */
export function helpText(): string {
  const rows = Object.entries(FLAGS).map(([name, flag]) => {
    const fallback = 'fallback' in flag ? ` (default ${flag.fallback})` : ''
    const usage = 'value' in flag ? `--${name} ${flag.value}` : `--${name}`
    return `  ${usage.padEnd(23)}  ${flag.about}${fallback}`
  })
  return [
    "nomyo-proxy: OpenAI's API on this machine, end-to-end encrypted behind it.",
    '',
    'Usage',
    '  NOMYO_API_KEY=... nomyo-proxy',
    '  nomyo-proxy --gateway https://gateway.example --api-key-file ~/.nomyo/api_key --policy policy.json',
    '',
    'Options',
    ...rows,
    `  ${'--help'.padEnd(23)}  this text`,
    '',
    'Every option can also be set in the environment: NOMYO_BASE_URL for --gateway, NOMYO_PROXY_PORT for',
    '--port and so on; several values are separated by commas. Keys and tokens are never taken from the',
    'command line, which other users of the machine can see.',
    '',
    'Exit codes: 0 ended by a signal, 1 failed or the gateway cannot be trusted, 2 the command line makes',
    'no sense.',
    '',
  ].join('\n')
}
