import { EXIT, type Command } from '@nomyo-internal/command-line'
import { printableJson } from '@nomyo-internal/diagnostics'
import { knownServersFile } from '@nomyo/client/known-servers'
import { CONFIG_OPTIONS, knownServersPath } from '../../settings/gateway-settings.js'
import { JSON_OPTION, cliCommand, type CliCall } from '../cli-command.js'
import { listCommand } from './list.js'
import { SERVER_OPERAND } from './server-operand.js'
import { trustCommand } from './trust.js'

const FORGET_OPTIONS = { ...JSON_OPTION, ...CONFIG_OPTIONS }

/** `nomyo servers …`: the trusted keys by server. */
export const serversCommand: Command = {
  summary: 'known servers and their keys: list, trust, forget',
  subcommands: {
    list: listCommand,
    trust: trustCommand,
    forget: cliCommand({
      summary: 'forget all keys of a gateway',
      operands: SERVER_OPERAND,
      options: FORGET_OPTIONS,
      run: forget,
    }),
  },
}

async function forget(call: CliCall<typeof FORGET_OPTIONS>): Promise<number> {
  const { settings, operands, output } = call
  const [server = ''] = operands
  const forgotten = await knownServersFile(knownServersPath(call)).forget(server)
  if (settings.values.json) output.line(printableJson({ server, forgotten }))
  else if (forgotten > 0) output.line(`forgot ${forgotten} of ${server}`)
  if (forgotten === 0) output.note(`nomyo: no key of ${server} is known`)
  return forgotten > 0 ? EXIT.ok : EXIT.failed
}
