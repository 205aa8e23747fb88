import { LOG_LEVELS } from '../../observability/log.js'
import type { Flag } from './flag.js'

/** Every option there is: command line, variables, config file and help follow from this. */
export const FLAGS = {
  config: {
    value: 'FILE',
    about: 'YAML or JSON file that says these and more',
    fileless: true,
  },
  'print-config': { about: 'the settings in effect, without keys, and no start', fileless: true },
  host: { value: 'HOST', about: 'address to listen on', fallback: '127.0.0.1' },
  port: { value: 'PORT', about: 'port to listen on, 0 for any free one', fallback: '12435' },
  engine: {
    value: 'ENGINE',
    about: 'openai (ask --upstream) or demo (offline stand-in, no model)',
  },
  upstream: {
    value: 'URL',
    about: 'OpenAI-compatible server, such as http://127.0.0.1:11434/v1; repeatable',
    list: true,
  },
  'upstream-key': {
    value: 'KEY',
    about: 'bearer token for the upstream, or all of them',
    secret: true,
  },
  'upstream-ca': {
    value: 'FILE',
    about: 'CA certificates as PEM that are believed about the upstream, or all of them',
  },
  'health-interval': {
    value: 'SECONDS',
    about: 'between looks at each of several upstreams',
    fallback: '10',
  },
  'unhealthy-after': {
    value: 'COUNT',
    about: 'failures in a row until an upstream is spared',
    fallback: '3',
  },
  'api-key': {
    value: 'KEY',
    about: 'bearer token callers need; may be given several times',
    list: true,
    secret: true,
  },
  'keys-file': { value: 'FILE', about: 'API keys, as `nomyo-gateway keys add` makes them' },
  'key-dir': {
    value: 'DIR',
    about: 'folder of private_key.pem and public_key.pem, made if missing',
  },
  'key-password-file': {
    value: 'FILE',
    about: 'password of the key files, or NOMYO_KEY_PASSWORD',
  },
  'shared-keys': {
    about: 'server keys in --redis, encrypted with the password, for gateways alike',
  },
  'key-rotation': { value: 'TIME', about: 'age at which the next key is made, such as 30d' },
  'key-overlap': {
    value: 'TIME',
    about: 'how long the key before still opens',
    fallback: '24h',
  },
  'key-lead': {
    value: 'TIME',
    about: 'how long a new key only opens before it is handed out, for gateways that share keys',
    fallback: '6s',
  },
  'accept-legacy-tag': {
    about: 'also open what nomyo-js 0.1 sends: the tag at the end of the ciphertext',
  },
  'max-body': {
    value: 'SIZE',
    about: 'largest request, such as 16MiB or 500000',
    fallback: '16MiB',
  },
  'cors-origin': {
    value: 'ORIGIN',
    about: 'web pages that may call, such as https://app.example; repeatable, * for all',
    list: true,
  },
  web: { about: 'a chat page at GET /, on loopback or with TLS only' },
  tpm: {
    value: 'ADDRESS',
    about: 'TPM: device (/dev/tpmrm0), unix:///path, tcp://127.0.0.1:2321 or none',
    fallback: 'none',
  },
  pcrs: { value: 'LIST', about: 'what the TPM quotes', fallback: 'sha256:0,7,10' },
  'tpm-ak': {
    value: 'KEY',
    about: 'persistent, a handle such as 0x81010002, or ephemeral',
    fallback: 'persistent',
  },
  'tpm-required': { about: 'no start and no answer without a quote' },
  'replay-window': {
    value: 'TIME',
    about: 'how long a request is remembered, and refused when it comes again',
    fallback: '10m',
  },
  'rate-limit': {
    value: 'N/s',
    about: 'requests of an API key (of an address, without keys), or off',
    fallback: '2/s',
  },
  'rate-burst': {
    value: 'N',
    about: 'requests in one second out of ten (default twice the rate)',
  },
  redis: {
    value: 'URL',
    about: 'redis:// or rediss://, where gateways share replays and rates',
    secret: true,
  },
  'redis-failure': {
    value: 'WHAT',
    about: 'without Redis: closed, degrade, or for each (default replay=closed,rate=degrade)',
  },
  'tls-cert': { value: 'FILE', about: 'certificate chain as PEM: HTTPS instead of HTTP' },
  'tls-key': { value: 'FILE', about: 'its private key as PEM' },
  'trust-proxy': {
    list: true,
    value: 'ADDRESSES',
    about: 'proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8; repeatable',
  },
  'max-opens': {
    value: 'COUNT',
    about: 'requests opened at the same time (default: three more than cores)',
  },
  'max-queue': { value: 'COUNT', about: 'requests that wait to be opened', fallback: '64' },
  'max-requests': { value: 'COUNT', about: 'sealed requests in flight', fallback: '512' },
  'max-connections': { value: 'COUNT', about: 'connections at a time', fallback: '4096' },
  'max-connections-per-address': {
    value: 'COUNT',
    about: 'of one address, without --trust-proxy (default half of all)',
  },
  'request-timeout': {
    value: 'TIME',
    about: 'for a request to arrive, and for its answer to be taken (default 2m)',
  },
  'metrics-port': { value: 'PORT', about: 'port of GET /metrics, 0 for any free one' },
  'metrics-host': {
    value: 'HOST',
    about: 'address of GET /metrics',
    fallback: '127.0.0.1',
  },
  'drain-delay': {
    value: 'TIME',
    about: 'after a signal, how long requests are still taken with /ready saying no',
    fallback: '0s',
  },
  'log-level': { value: 'LEVEL', about: LOG_LEVELS.join(', '), fallback: 'info' },
} as const satisfies Record<string, Flag>

/** The name of an option. */
export type FlagName = keyof typeof FLAGS
