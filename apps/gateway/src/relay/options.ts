import { isIP } from 'node:net'
import {
  byteSize,
  defineOptions,
  duration,
  gatewayUrl,
  parsedBy,
  wholeNumber,
  type OptionDefinition,
  type OptionDefinitions,
} from '@nomyo-internal/command-line'
import { parseBaseUrl } from '@nomyo/transport'
import { parseRate } from '../access/rate/rate-limit.js'
import { OPTIONS } from '../config/schema.js'

const MAX_COUNT = 999_999
/** Members of options that are those of a gateway. */
const OF_GATEWAYS = ['variable', 'member', 'group']

/** Options of a relay. Its variables differ from those of gateways, which may run in the same environment. */
export const RELAY_OPTIONS = defineOptions(
  {
    for: {
      value: 'URL',
      summary: 'gateway to pass requests on to, such as https://gateway.example',
      variable: 'NOMYO_RELAY_FOR',
      parse: gatewayUrl(parseBaseUrl),
    },
    ...shared({
      host: OPTIONS.host,
      port: { ...OPTIONS.port, default: '12437' },
    }),
    sourceAddress: {
      value: 'ADDRESS',
      summary: 'local address from which the relay connects to the gateway',
      defaultSummary: 'chosen by the system',
      parse: parsedBy((text) => (isIP(text) === 0 ? undefined : text), 'must be an address'),
    },
    ...shared({
      tlsCert: OPTIONS.tlsCert,
      tlsKey: OPTIONS.tlsKey,
      trustProxy: OPTIONS.trustProxy,
      corsOrigin: OPTIONS.corsOrigin,
    }),
    rateLimit: {
      value: 'N/s',
      summary: 'requests per address (twice as many in one second of every ten), or off',
      default: '10/s',
      parse: parsedBy(
        (text) => (text === 'off' ? text : parseRate(text)),
        'must be a rate such as 10/s, up to 10000/s, or off',
      ),
    },
    maxRequests: {
      value: 'COUNT',
      summary: 'requests in flight',
      default: '512',
      parse: wholeNumber(1, MAX_COUNT),
    },
    maxRequestsPerAddress: {
      value: 'COUNT',
      summary: 'requests in flight of one address (IPv6: a /64)',
      default: '32',
      parse: wholeNumber(1, MAX_COUNT),
    },
    maxBody: {
      value: 'SIZE',
      summary: 'largest request, such as 16MiB or 500000',
      default: '129MiB',
      parse: byteSize('4KiB', '256MiB'),
    },
    ...shared({
      maxConnections: OPTIONS.maxConnections,
      maxConnectionsPerAddress: OPTIONS.maxConnectionsPerAddress,
    }),
    requestTimeout: {
      value: 'TIME',
      summary: 'time for a request to arrive (its headers: 20s)',
      default: '15m',
      parse: duration('1s', '1h', '30s or 15m'),
    },
    idleTimeout: {
      value: 'TIME',
      summary: 'longest time of a request without a byte in either direction',
      default: '2m',
      parse: duration('1s', '1h', '30s or 2m'),
    },
    totalTimeout: {
      value: 'TIME',
      summary: 'longest time of a request',
      default: '1h',
      parse: duration('1s', '24h', '10m or 1h'),
    },
    drainTimeout: {
      value: 'TIME',
      summary: 'after SIGTERM: time for requests in flight to finish; a second signal ends it',
      default: '11m',
      parse: duration('1s', '2h', '30s or 11m'),
    },
    ...shared({ logLevel: OPTIONS.logLevel, logFormat: OPTIONS.logFormat }),
  },
  { prefix: 'NOMYO_RELAY_' },
)

/** Options of a gateway, without its variables, config file and headings. */
function shared<const O extends OptionDefinitions>(options: O): O {
  const own = Object.entries<OptionDefinition>(options).map(([name, option]) => [
    name,
    Object.fromEntries(Object.entries(option).filter(([member]) => !OF_GATEWAYS.includes(member))),
  ])
  return Object.fromEntries(own) as O
}
