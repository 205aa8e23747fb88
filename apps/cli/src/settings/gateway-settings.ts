import { join } from 'node:path'
import {
  WIRE_OPTION,
  defineOptions,
  gatewayUrl,
  parsedBy,
  relayUrl,
  type Call,
} from '@nomyo-internal/command-line'
import { parsePin } from '@nomyo/crypto'
import { parseBaseUrl } from '@nomyo/transport'
import { readSecretFile } from '../files.js'
import { homeFolder } from './home.js'

/** Security tiers, from the lowest on. */
export const TIERS = ['standard', 'high', 'maximum'] as const

/** Isolation that the hardware of an answer must have. */
export type Tier = (typeof TIERS)[number]

/** Address of a gateway. */
export interface GatewayAddress {
  /** Base URL, without a slash at its end: the name of the gateway among known servers. */
  readonly gateway: string
  readonly allowHttp: boolean
}

/**
 * Parses the base URL of a gateway into the form that known servers have.
 *
 * @throws OptionProblem
 */
export const parseGatewayUrl = gatewayUrl(parseBaseUrl)

/** Option of commands that contact a gateway named otherwise than by the settings. */
export const ALLOW_HTTP_OPTION = {
  allowHttp: { summary: 'allow http://, for a gateway on this machine' },
}

/** Options of all commands that read the config file. */
export const CONFIG_OPTIONS = defineOptions(
  {
    config: {
      value: 'FILE',
      summary: 'config file instead of the usual one',
      isPath: true,
      variable: 'NOMYO_CLI_CONFIG',
      member: false,
    },
    knownServers: {
      value: 'FILE',
      summary: 'known-servers file',
      defaultSummary: '~/.nomyo/known_servers',
      isPath: true,
    },
  },
  { file: true, group: 'Settings' },
)

/** Options of all commands that send requests to the gateway of the settings. */
export const GATEWAY_OPTIONS = {
  ...defineOptions(
    {
      gateway: {
        value: 'URL',
        summary: 'address of the gateway',
        default: 'https://api.nomyo.ai',
        variable: 'NOMYO_BASE_URL',
        parse: parseGatewayUrl,
      },
      relay: {
        value: 'URL',
        summary: 'Oblivious HTTP relay, which hides the address of this machine from the gateway',
        defaultSummary: 'none',
        variable: 'NOMYO_RELAY_URL',
        parse: relayUrl(parseBaseUrl),
      },
      ...ALLOW_HTTP_OPTION,
      apiKeyFile: {
        value: 'FILE',
        summary: 'file that holds the API key',
        isPath: true,
      },
      policy: {
        value: 'FILE',
        summary: 'policy that the TPM evidence of the machine must satisfy',
        isPath: true,
      },
      pin: {
        value: 'sha256/…',
        summary: 'accept only a gateway key with this fingerprint',
        repeatable: true,
        member: 'pins',
        parse: parsedBy(
          parsePin,
          'must be sha256/ and 44 base64 characters, as nomyo keys fingerprint prints it',
        ),
      },
      wire: WIRE_OPTION,
    },
    { file: true, group: 'Gateway' },
  ),
  ...CONFIG_OPTIONS,
  ...defineOptions({
    apiKey: {
      value: 'KEY',
      summary: 'the API key',
      flag: false,
      variable: 'NOMYO_API_KEY',
      secret: true,
    },
  }),
}

/** Options of what a request asks for. */
export const REQUEST_OPTIONS = defineOptions(
  {
    model: {
      value: 'NAME',
      summary: 'the model',
      defaultSummary: 'the first that the gateway lists',
    },
    tier: { value: 'TIER', summary: 'security tier to request', choices: TIERS },
  },
  { file: true },
)

type GatewayCall = Pick<
  Call<typeof GATEWAY_OPTIONS & typeof REQUEST_OPTIONS>,
  'settings' | 'context'
>

/**
 * Collects the settings of a gateway.
 *
 * @throws UsageError for an API key that cannot be read or sent
 */
export function readGatewaySettings(call: GatewayCall) {
  const { values } = call.settings
  return {
    ...values,
    apiKey: readApiKey(call),
    knownServers: knownServersPath(call),
    pins: values.pin.length === 0 ? undefined : values.pin,
  }
}

/** A gateway and what it must satisfy. */
export type GatewaySettings = ReturnType<typeof readGatewaySettings>

/** Gives the path of the known-servers file. */
export const knownServersPath = ({
  settings,
  context,
}: Pick<Call<typeof CONFIG_OPTIONS>, 'settings' | 'context'>): string =>
  settings.values.knownServers ?? join(homeFolder(context.environment), '.nomyo', 'known_servers')

/** `--api-key-file` wins over the environment, which wins over the config file. */
function readApiKey({ settings }: GatewayCall): string | undefined {
  const { apiKey, apiKeyFile } = settings.values
  const isFileFirst = apiKey === undefined || settings.source('apiKeyFile')?.kind === 'flag'
  const key = isFileFirst && apiKeyFile !== undefined ? readSecretFile(apiKeyFile) : apiKey
  if (key === undefined || /^[\x21-\x7e]+$/.test(key)) return key
  throw settings.mistake(
    isFileFirst ? 'apiKeyFile' : 'apiKey',
    'must consist of visible ASCII characters, without spaces and line breaks',
  )
}
