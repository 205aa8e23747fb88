import type { ChatMessage } from '@nomyo/client'
import type { CommandArguments } from '../arguments.js'
import { EXIT } from '../exit-codes.js'
import { reserveFile } from '../files.js'
import { openClient } from '../gateway/client.js'
import { jsonText, oneLine, printable, type Output } from '../output.js'
import type { Settings } from '../settings/settings.js'
import { answerText } from './answer-text.js'
import type { ChatOptions } from './chat-command.js'
import { chooseModel, listTrustedModels } from './choose-model.js'
import { noteServerKey } from './server-key-note.js'

/** One message, one answer on standard output, nothing else there. */
export async function askOnce(
  output: Output,
  settings: Settings,
  { system, timeoutMs, parameters }: ChatOptions,
  message: string,
  args: CommandArguments,
): Promise<number> {
  const receiptPath = args.text('receipt')
  const receiptFile = receiptPath === undefined ? undefined : reserveFile(receiptPath)
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  process.once('SIGINT', interrupt)
  try {
    const hooks = {
      onServerKey: noteServerKey(output),
      onWarning: output.note,
      timeoutMs,
      ...(receiptFile === undefined
        ? {}
        : {
            onReceipt: (receipt: object) =>
              receiptFile.write(`${JSON.stringify(receipt, undefined, 2)}\n`),
          }),
    }
    const model = settings.model ?? chooseModel(await listTrustedModels(settings, hooks))
    const client = await openClient(settings, hooks)
    try {
      const messages: ChatMessage[] = [
        ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
        { role: 'user', content: message },
      ]
      const completion = await output.waiting(
        `waiting for ${oneLine(model)}`,
        client.create(
          {
            model,
            messages,
            ...parameters,
            ...(settings.tier === undefined ? {} : { security_tier: settings.tier }),
          },
          { signal: stop.signal },
        ),
      )
      if (args.flag('json')) output.line(jsonText(completion))
      else {
        const text = answerText(completion, output.note)
        output.line((output.isTerminal ? printable(text) : text).replace(/\n$/, ''))
      }
      return EXIT.ok
    } finally {
      client.dispose()
    }
  } finally {
    process.removeListener('SIGINT', interrupt)
    receiptFile?.release()
  }
}
