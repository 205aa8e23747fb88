import {
  completionCommand,
  runProgram,
  type Command,
  type CommandContext,
  type ErrorDescription,
} from '@nomyo-internal/command-line'
import { version } from '../package.json'
import { delegateCommand } from './commands/delegate-command.js'

/** The outermost command, with every other one, which loads its modules when it is called. */
export const nomyo: Command = {
  summary: 'end-to-end encrypted chat completions',
  examples: [
    'nomyo demo',
    'nomyo doctor --gateway https://gateway.example',
    "nomyo chat --gateway https://gateway.example 'Hello!'",
  ],
  subcommands: {
    chat: {
      summary: 'ask once, or hold a conversation; encrypted either way',
      load: async () => (await import('./commands/chat/chat.js')).chatCommand,
    },
    doctor: {
      summary: 'check every step between this machine and an answer',
      load: async () => (await import('./doctor/doctor-command.js')).doctorCommand,
    },
    servers: {
      summary: 'known servers and their keys: list, trust, forget',
      load: async () => (await import('./commands/servers/servers.js')).serversCommand,
    },
    keys: {
      summary: 'generate, show and rotate key files',
      load: async () => (await import('./commands/keys/keys.js')).keysCommand,
    },
    attest: {
      summary: 'verify what the machine of a gateway booted, by TPM evidence',
      load: async () => (await import('./commands/attest/attest.js')).attestCommand,
    },
    demo: {
      summary: 'show one chat completion in the clear, encrypted and attacked, offline',
      load: async () => (await import('./commands/demo/demo.js')).demoCommand,
    },
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

const describeError = async (error: unknown): Promise<ErrorDescription> =>
  (await import('./describe-error.js')).describeError(error)
