import { command, describeServiceLink } from '@nomyo-internal/command-line'
import { configOf } from './config/config.js'
import { OPTIONS } from './config/options.js'

/** The command of the proxy, which loads the modules of a server once it starts. */
export const proxyCommand = command({
  summary: "OpenAI's API on this machine, end-to-end encrypted to a gateway",
  options: OPTIONS,
  examples: [
    'NOMYO_API_KEY=... nomyo-proxy',
    'nomyo-proxy --gateway https://gateway.example --api-key-file ~/.nomyo/api_key --policy policy.json',
  ],
  notes: [
    'Every option can also be set in the environment: NOMYO_BASE_URL for --gateway, NOMYO_PROXY_PORT for ' +
      '--port and so on; several values are separated by commas. Keys and tokens are never taken from the ' +
      'command line, which other users of the machine can see.',
  ],
  exitMeanings: {
    ok: 'stopped by a signal, with every request in flight finished',
    failed: 'the gateway is not trusted or does not answer, or a failure',
    usage: 'wrong command line or environment',
  },
  run: async ({ settings, context }) => {
    const { environment, stderr } = context
    const config = configOf(settings, environment, stderr.isTTY === true)
    const { startProxy } = await import('./start/start.js')
    return startProxy(config, settings.serviceLinks.map(describeServiceLink), context)
  },
})
