import type { Command } from '../command.js'
import { UsageError } from '../exit-codes.js'
import { readNumber, type CommandArguments } from '../arguments.js'
import { GATEWAY_OPTIONS, TIER_OPTION, readSettings } from '../settings/settings.js'
import { loadPolicy } from '../gateway/client.js'
import { askOnce } from './ask-once.js'
import { readMessage } from './read-message.js'
import { runSession } from './session.js'

/** Sampling and limits of one call, as given. */
export interface ChatOptions {
  readonly system: string | undefined
  readonly timeoutMs: number | undefined
  readonly parameters: { readonly temperature?: number; readonly max_tokens?: number }
}

/** `nomyo chat`: one answer, or a session on a terminal. */
export const chatCommand: Command = {
  about: 'asks once, or holds a conversation; sealed either way',
  operands: '[MESSAGE…]',
  maxOperands: Infinity,
  options: {
    model: { value: 'NAME', about: 'the model (the first one of the gateway)' },
    system: { value: 'TEXT', about: 'what the model is told beforehand' },
    tier: TIER_OPTION,
    temperature: { value: 'NUMBER', about: 'from 0 to 2' },
    'max-tokens': { value: 'NUMBER', about: 'the longest answer, in tokens' },
    timeout: { value: 'SECONDS', about: 'for one attempt (600)' },
    receipt: { value: 'FILE', isPath: true, about: 'new file (0600) for the record of the answer' },
    json: { about: 'print the whole completion' },
    ...GATEWAY_OPTIONS,
  },
  notes: [
    'Text on standard input is put below the message, or is the message. Only the answer goes to standard',
    'output. Without a message, on a terminal, a session begins: /help lists its commands. Nothing of it is',
    'kept on disk unless you /save it. Text that begins with a dash goes behind --.',
  ],
  run: async (context, args) => {
    const settings = readSettings(args, context.environment)
    const options = readChatOptions(args)
    // A mistake in a file is told before anything is read or asked.
    await loadPolicy(settings)
    const message = await context.output.waiting(
      'reading standard input',
      readMessage(args.operands),
    )
    if (message !== undefined) return askOnce(context.output, settings, options, message, args)
    const oneShot = ['json', 'receipt'].find((name) => args.flag(name) || args.text(name))
    if (oneShot !== undefined) throw new UsageError(`--${oneShot} needs a message`)
    if (!context.output.isTerminal) {
      throw new UsageError('give a message; a session needs a terminal on both sides')
    }
    return runSession(context.output, settings, options)
  },
}

function readChatOptions(args: CommandArguments): ChatOptions {
  const temperature = readNumber(args, 'temperature', { min: 0, max: 2 })
  const maxTokens = readNumber(args, 'max-tokens', { min: 1, max: 1e7, whole: true })
  const seconds = readNumber(args, 'timeout', { min: 0.001, max: 86_400 })
  return {
    system: args.text('system'),
    timeoutMs: seconds === undefined ? undefined : Math.ceil(seconds * 1000),
    parameters: {
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    },
  }
}
