import {
  completionCommand,
  runProgram,
  type Command,
  type CommandContext,
} from '@nomyo-internal/command-line'
import { version } from '../package.json'
import { attestCommand } from './commands/attest/attest.js'
import { chatCommand } from './commands/chat/chat.js'
import { delegateCommand } from './commands/delegate-command.js'
import { demoCommand } from './commands/demo/demo.js'
import { keysCommand } from './commands/keys/keys.js'
import { serversCommand } from './commands/servers/servers.js'
import { describeError } from './describe-error.js'
import { doctorCommand } from './doctor/doctor-command.js'

/** The outermost command, with every other one. */
export const nomyo: Command = {
  summary: 'end-to-end encrypted chat completions',
  examples: [
    'nomyo demo',
    'nomyo doctor --gateway https://gateway.example',
    "nomyo chat --gateway https://gateway.example 'Hello!'",
  ],
  subcommands: {
    chat: chatCommand,
    doctor: doctorCommand,
    servers: serversCommand,
    keys: keysCommand,
    attest: attestCommand,
    demo: demoCommand,
    gateway: delegateCommand('@nomyo/gateway', 'run the gateway, with all its options'),
    proxy: delegateCommand('@nomyo/proxy', 'run the local proxy, with all its options'),
    completion: completionCommand('nomyo', () => nomyo),
  },
  exitMeanings: {
    ok: 'success',
    failed: 'failure, refusal by the gateway, or a problem that the doctor found',
    usage: 'wrong command line, config file, or file named there',
    security: 'stop: a key, an answer or the machine is not trusted',
    unreachable: 'the gateway could not be reached, or gave no evidence',
    warning: 'the evidence is genuine, but has warnings or an unendorsed key',
    interrupted: 'interrupted with Ctrl-C',
  },
  notes: [
    'Options win over the environment (NOMYO_BASE_URL, NOMYO_API_KEY), which wins over the config ' +
      'file (~/.config/nomyo/config.json; NOMYO_CLI_CONFIG or --config FILE names another).',
  ],
}

/** Runs `nomyo` with these arguments and gives its exit code. */
export const runCli = ({
  args,
  ...context
}: CommandContext & { readonly args: readonly string[] }): Promise<number> =>
  runProgram({ name: 'nomyo', version, command: nomyo, describeError }, args, context)
