import { FLAGS } from './flags.js'

/** The text behind `--help`. */
export function helpText(): string {
  const rows = Object.entries(FLAGS).map(([name, flag]) => {
    const fallback = 'fallback' in flag ? ` (default ${flag.fallback})` : ''
    const usage = 'value' in flag ? `--${name} ${flag.value}` : `--${name}`
    return `  ${usage.padEnd(20)}  ${flag.about}${fallback}`
  })
  return [
    'nomyo-gateway: opens sealed chat requests, asks a model server, seals the answers.',
    '',
    'Usage',
    '  nomyo-gateway --upstream http://127.0.0.1:11434/v1 --key-dir ./keys',
    '  nomyo-gateway --engine demo',
    '  nomyo-gateway doctor [--json] OPTIONS         checks all that a start with them would need',
    '  nomyo-gateway keys add | list | revoke NAME   (API keys in a file; see keys --help)',
    '  nomyo-gateway rotate --key-dir ./keys        makes the next key; running gateways take it up',
    '  nomyo-gateway fingerprint --key-dir ./keys   prints what clients can pin',
    '      (both also with --shared-keys --redis URL --key-password-file FILE)',
    '',
    'Options',
    ...rows,
    `  ${'--help'.padEnd(20)}  this text`,
    '',
    'Every option can also be set in the environment: NOMYO_PORT for --port and so on. NOMYO_API_KEY,',
    'NOMYO_UPSTREAM, NOMYO_CORS_ORIGIN and NOMYO_TRUST_PROXY take several values, separated by commas. Give',
    'keys that way, or in a file: command lines can be seen by other users of the machine. The file of',
    '--config has members such as keyDir for --key-dir; what is given here or in the environment wins.',
    '',
  ].join('\n')
}
