import { LOG_LEVELS } from '../log.js'

/** What there is to know of a flag. */
export interface Flag {
  /** What its value is called; without one it is on or off. */
  readonly value?: string
  readonly about: string
  readonly fallback?: string
  /** May be given several times. */
  readonly list?: boolean
}

/** Every option there is: command line, variables and help follow from this. */
export const FLAGS = {
  gateway: {
    value: 'URL',
    about: 'the gateway that opens what is sealed here',
    fallback: 'https://api.nomyo.ai',
  },
  'api-key-file': { value: 'FILE', about: 'the API key for the gateway, or NOMYO_API_KEY' },
  'allow-http': { about: 'a gateway of http://, for local development only' },
  host: { value: 'HOST', about: 'address to listen on', fallback: '127.0.0.1' },
  port: { value: 'PORT', about: 'port to listen on, 0 for any free one', fallback: '12436' },
  'allow-remote': { about: 'a --host other machines can reach: they speak to it in the clear' },
  'allow-host': {
    value: 'NAME',
    about: 'one more name of it, such as host.docker.internal; repeatable',
    list: true,
  },
  'allow-origin': {
    value: 'ORIGIN',
    about: 'web pages that may call, such as http://localhost:3000; repeatable',
    list: true,
  },
  'token-file': {
    value: 'FILE',
    about: 'lasting token of callers, made if missing; or NOMYO_PROXY_TOKEN',
  },
  'no-token': { about: 'every program on this machine may call (default a token made at start)' },
  pin: {
    value: 'PRINT',
    about: 'fingerprint (sha256/...) of the server keys accepted; repeatable',
    list: true,
  },
  'known-servers': {
    value: 'FILE',
    about: 'keys trusted on first use, or none (default ~/.nomyo/known_servers without --pin)',
  },
  policy: { value: 'FILE', about: 'what the machine of the gateway has to prove' },
  attest: {
    value: 'WHEN',
    about: 'before-send or after-response: when it has to',
    fallback: 'before-send',
  },
  tier: {
    value: 'TIER',
    about: 'affirming, warning or none: what it has to reach',
    fallback: 'affirming',
  },
  'security-tier': {
    value: 'TIER',
    about: 'standard, high or maximum, for requests that name none',
  },
  'max-concurrency': { value: 'COUNT', about: 'completions at the same time', fallback: '32' },
  'log-level': { value: 'LEVEL', about: LOG_LEVELS.join(', '), fallback: 'info' },
  quiet: { about: 'errors only, and no first screen' },
} as const satisfies Record<string, Flag>

/** The name of an option. */
export type FlagName = keyof typeof FLAGS

/** The environment, as `process.env` gives it. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * `NOMYO_PROXY_MAX_CONCURRENCY` for `max-concurrency`: a name of its own, since gateways may be started
 * from the same environment. The address of the gateway has the name all clients know.
 */
export const variableName = (flag: string): string =>
  flag === 'gateway' ? 'NOMYO_BASE_URL' : `NOMYO_PROXY_${flag.toUpperCase().replaceAll('-', '_')}`
