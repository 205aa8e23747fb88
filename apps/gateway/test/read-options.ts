import { printHelp, UsageError, type Environment } from '@nomyo-internal/command-line'
import { startCommand } from '../src/commands/start.js'
import type { GatewayConfig } from '../src/config/config.js'
import { gatewayConfig, readGatewaySettings } from '../src/config/load.js'
import { printConfig } from '../src/config/print.js'

export { UsageError, type Environment }

/** Result of a command line that starts a gateway. */
export type Command =
  | { readonly kind: 'start'; readonly config: GatewayConfig }
  | { readonly kind: 'print'; readonly text: string }

/** Reads the settings of a start, as the program does. */
export function readOptions(args: readonly string[], environment: Environment): Command {
  const settings = readGatewaySettings(args, environment)
  const config = gatewayConfig(settings)
  return settings.values.printConfig
    ? { kind: 'print', text: printConfig(settings, config) }
    : { kind: 'start', config }
}

/** Renders the text of `--help`. */
export const helpText = (): string => printHelp('nomyo-gateway', [], startCommand)
