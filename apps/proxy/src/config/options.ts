import {
  WIRE_OPTION,
  defineOptions,
  duration,
  gatewayUrl,
  matching,
  parsedBy,
  portNumber,
  relayUrl,
  visibleAscii,
  webOrigin,
  wholeNumber,
} from '@nomyo-internal/command-line'
import { LOG_FORMATS, LOG_LEVELS } from '@nomyo-internal/http-server'
import { parseBaseUrl } from '@nomyo/transport'

/** Length below which a token could be guessed. */
const MIN_TOKEN_LENGTH = 16

/** Describes the form of a token, for messages. */
export const TOKEN_FORM = `at least ${MIN_TOKEN_LENGTH} visible ASCII characters, without blanks`

/** Checks the form of a token. */
export const isToken = (text: string): boolean =>
  text.length >= MIN_TOKEN_LENGTH && /^[\x21-\x7e]+$/.test(text)

/** A host as in a Host header, with a port or without. */
const HOST_NAME = /^(?:[a-z\d](?:[a-z\d.-]*[a-z\d])?|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/**
 * Options of the proxy. Gateways may run in the same environment, so its variables have a prefix of
 * their own; the address of the gateway has the variable that all clients use.
 */
export const OPTIONS = defineOptions(
  {
    gateway: {
      value: 'URL',
      summary: 'address of the gateway',
      default: 'https://api.nomyo.ai',
      variable: 'NOMYO_BASE_URL',
      parse: gatewayUrl(parseBaseUrl),
    },
    relay: {
      value: 'URL',
      summary: 'Oblivious HTTP relay, which hides the address of this machine from the gateway',
      defaultSummary: 'none',
      variable: 'NOMYO_RELAY_URL',
      parse: relayUrl(parseBaseUrl),
    },
    apiKeyFile: {
      value: 'FILE',
      summary: 'file of the API key for the gateway, instead of NOMYO_API_KEY',
      isPath: true,
    },
    apiKey: {
      value: 'KEY',
      summary: 'API key for the gateway',
      flag: false,
      variable: 'NOMYO_API_KEY',
      secret: true,
      parse: visibleAscii,
    },
    allowHttp: { summary: 'allow an http:// gateway, for local development only' },
    host: {
      value: 'HOST',
      summary: 'address to listen on',
      default: '127.0.0.1',
      parse: matching(/^[a-z\d.:-]+$/i, 'must be a name or an address such as 127.0.0.1 or ::1'),
    },
    port: {
      value: 'PORT',
      summary: 'port to listen on, 0 for any free one',
      default: '12436',
      parse: portNumber,
    },
    allowRemote: {
      summary: 'allow a --host that other machines can reach, in plaintext; needs a token',
    },
    allowHost: {
      value: 'NAME',
      summary: 'name of the proxy in Host headers, beside localhost, such as host.docker.internal',
      repeatable: true,
      parse: parsedBy(
        (text) => (HOST_NAME.test(text) ? text.toLowerCase() : undefined),
        'must be a name or name:port, without a scheme or patterns',
      ),
    },
    allowOrigin: {
      value: 'ORIGIN',
      summary: 'origin of web pages that may call, such as http://localhost:3000',
      repeatable: true,
      parse: webOrigin,
    },
    tokenFile: {
      value: 'FILE',
      summary:
        'file of a token for callers that outlasts restarts, created if missing; instead of NOMYO_PROXY_TOKEN',
      defaultSummary: 'a new token at every start',
      isPath: true,
    },
    token: {
      value: 'TOKEN',
      summary: 'token that callers must present',
      flag: false,
      secret: true,
      parse: parsedBy((text) => (isToken(text) ? text : undefined), `must be ${TOKEN_FORM}`),
    },
    noToken: { summary: 'allow every program on this machine to call' },
    pin: {
      value: 'FINGERPRINT',
      summary: 'accept only a gateway key with this fingerprint (sha256/...)',
      defaultSummary: 'any key',
      repeatable: true,
      parse: matching(
        /^sha256\/[\w+/-]{43}=?$/,
        'must be a fingerprint as the gateway prints it: sha256/ and 43 letters',
      ),
    },
    wire: WIRE_OPTION,
    knownServers: {
      value: 'FILE',
      summary: 'file of keys trusted on first use; none for no file',
      defaultSummary: '~/.nomyo/known_servers; none with --pin',
      isPath: true,
    },
    policy: {
      value: 'FILE',
      summary:
        'policy file that the machine of the gateway must meet; nomyo attest policy init writes one',
      defaultSummary: 'no attestation',
      isPath: true,
    },
    attest: {
      value: 'WHEN',
      summary: 'verify the machine before prompts are sent, or with each answer',
      default: 'before-send',
      choices: ['before-send', 'after-response'],
    },
    tier: {
      value: 'TIER',
      summary: 'attestation tier that the machine must reach; none does not protect',
      default: 'affirming',
      choices: ['affirming', 'warning', 'none'],
    },
    securityTier: {
      value: 'TIER',
      summary: 'security tier of requests that name none',
      default: 'none',
      choices: ['none', 'standard', 'high', 'maximum'],
    },
    maxConcurrency: {
      value: 'COUNT',
      summary: 'encrypted requests at the same time',
      default: '32',
      parse: wholeNumber(1, 1000),
    },
    drainTimeout: {
      value: 'TIME',
      summary: 'time for requests in flight to finish after a signal; a second signal ends it',
      default: '11m',
      parse: duration('1s', '2h', '30s or 11m'),
    },
    logLevel: {
      value: 'LEVEL',
      summary: 'least severity that is logged',
      default: 'info',
      choices: LOG_LEVELS,
    },
    logFormat: {
      value: 'FORMAT',
      summary: 'form of standard error: text, json, or auto (text on a terminal)',
      default: 'auto',
      choices: LOG_FORMATS,
    },
    quiet: { summary: 'log errors only, and print no banner' },
  },
  { prefix: 'NOMYO_PROXY_' },
)
