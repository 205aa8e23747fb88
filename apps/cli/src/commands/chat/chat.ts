import {
  UsageError,
  decimalNumber,
  defineOptions,
  wholeNumber,
  type Call,
} from '@nomyo-internal/command-line'
import type { ChatParameters } from '../../gateway/client.js'
import { runSession } from '../../session/session.js'
import {
  GATEWAY_OPTIONS,
  REQUEST_OPTIONS,
  readGatewaySettings,
} from '../../settings/gateway-settings.js'
import { loadPolicy } from '../../settings/policy.js'
import { cliCommand } from '../cli-command.js'
import { askOnce } from './ask-once.js'
import { readMessage } from './read-message.js'

const CHAT_OPTIONS = {
  ...REQUEST_OPTIONS,
  ...defineOptions({
    system: { value: 'TEXT', summary: 'system message of the conversation' },
    temperature: { value: 'NUMBER', summary: 'from 0 to 2', parse: decimalNumber(0, 2) },
    maxTokens: {
      value: 'NUMBER',
      summary: 'longest answer, in tokens',
      parse: wholeNumber(1, 10_000_000),
    },
    timeout: {
      value: 'SECONDS',
      summary: 'limit of one attempt',
      defaultSummary: '600',
      parse: decimalNumber(0.001, 86_400),
    },
    receipt: {
      value: 'FILE',
      summary: 'new file (0600) for the receipt of the answer',
      isPath: true,
    },
    json: { summary: 'print the whole completion' },
  }),
  ...GATEWAY_OPTIONS,
}

/** `nomyo chat`: one answer, or a session on a terminal. */
export const chatCommand = cliCommand({
  summary: 'ask once, or hold a conversation; encrypted either way',
  operands: { usage: '[MESSAGE…]', max: Infinity },
  options: CHAT_OPTIONS,
  notes: [
    'Text on standard input is appended to the message, or is the message. Only the answer goes to ' +
      'standard output. Without a message, on a terminal, a session begins: /help lists its commands. ' +
      'Nothing is kept on disk unless you /save it. Put text that begins with a dash after --.',
  ],
  run: async (call) => {
    const { settings, operands, context, output } = call
    const gateway = readGatewaySettings(call)
    const parameters = chatParameters(call)
    // A mistake in the policy is reported before anything is read or sent.
    await loadPolicy(gateway)
    const message = await output.waiting(
      'reading standard input',
      readMessage(operands, context.stdin),
    )
    const { json, receipt } = settings.values
    if (message !== undefined) {
      return askOnce(output, gateway, parameters, { message, json, receipt })
    }
    for (const name of ['json', 'receipt'] as const) {
      if (settings.given(name)) throw settings.mistake(name, 'needs a message')
    }
    if (!output.isTerminal) {
      throw new UsageError('give a message; a session needs a terminal for input and output')
    }
    return runSession(output, gateway, parameters, context)
  },
})

function chatParameters({ settings }: Call<typeof CHAT_OPTIONS>): ChatParameters {
  const { system, temperature, maxTokens, timeout } = settings.values
  return {
    system,
    timeoutMs: timeout === undefined ? undefined : Math.ceil(timeout * 1000),
    sampling: {
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    },
  }
}
