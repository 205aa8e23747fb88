import { EXIT } from '@nomyo-internal/command-line'
import { printable, printableJson, printableLine } from '@nomyo-internal/diagnostics'
import type {
  ChatCompletionRequest,
  ChatMessage,
  SecureChatCompletion,
  ServerKeyEvent,
} from '@nomyo/client'
import { reserveFile } from '../../files.js'
import { chooseModel, listTrustedModels } from '../../gateway/choose-model.js'
import { openClient, type ChatParameters, type ClientHooks } from '../../gateway/client.js'
import { streamAnswer, type AnswerListeners } from '../../gateway/stream-answer.js'
import type { Output } from '../../output/output.js'
import { TextWriter } from '../../output/text-writer.js'
import { describeWire } from '../../output/wire.js'
import type { GatewaySettings } from '../../settings/gateway-settings.js'

/** One question. */
interface Question {
  readonly message: string
  readonly json: boolean
  /** Path of the receipt. */
  readonly receipt: string | undefined
}

/** Sends one message, and prints nothing but its answer to standard output. */
export async function askOnce(
  output: Output,
  settings: GatewaySettings,
  { system, timeoutMs, sampling }: ChatParameters,
  { message, json, receipt }: Question,
): Promise<number> {
  const receiptFile = receipt === undefined ? undefined : reserveFile(receipt)
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  process.once('SIGINT', interrupt)
  try {
    const hooks: ClientHooks = {
      onServerKey: (event) => noteFirstUse(output, event),
      onWarning: output.note,
      timeoutMs,
      onReceipt:
        receiptFile && ((made) => receiptFile.write(`${JSON.stringify(made, undefined, 2)}\n`)),
    }
    const model = settings.model ?? chooseModel(await listTrustedModels(settings, hooks))
    const client = await openClient(settings, hooks)
    try {
      const messages: ChatMessage[] = [
        ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
        { role: 'user', content: message },
      ]
      const { tier } = settings
      if (output.isTerminal) {
        const wire = await output.waiting(
          'verifying the gateway',
          client.chooseWire({ signal: stop.signal }),
        )
        output.note(output.noteStyle.quiet(`wire ${describeWire(wire)}`))
      }
      const request = { model, messages, ...sampling, ...(tier && { security_tier: tier }) }
      const waiting = <T>(work: Promise<T>): Promise<T> =>
        output.waiting(`waiting for ${printableLine(model)}`, work)
      if (json) {
        const asked = client.create(request, { signal: stop.signal })
        output.line(printableJson(await waiting(asked)))
      } else await printAnswer(output, client, request, { signal: stop.signal, waiting })
      return EXIT.ok
    } finally {
      client.dispose()
    }
  } finally {
    process.removeListener('SIGINT', interrupt)
    receiptFile?.release()
  }
}

/** Prints an answer while it arrives. One that breaks off ends its line, and the error follows. */
async function printAnswer(
  output: Output,
  client: SecureChatCompletion,
  request: ChatCompletionRequest,
  { signal, waiting }: { readonly signal: AbortSignal } & Pick<AnswerListeners, 'waiting'>,
): Promise<void> {
  const { isTerminal, note, write } = output
  const writer = new TextWriter(write)
  const onText = (text: string): void => {
    writer.add(isTerminal ? printable(text) : text)
  }
  try {
    const notes = await streamAnswer(client, request, signal, { waiting, onText })
    output.line(writer.end().replace(/\n$/, ''))
    for (const text of notes) note(text)
  } catch (error) {
    if (writer.hasWritten) output.line()
    throw error
  }
}

/** Reports a key that is trusted for the first time. */
function noteFirstUse({ note }: Output, { type, server, fingerprint }: ServerKeyEvent): void {
  if (type !== 'first-use') return
  note(`nomyo: first use of ${server}`)
  note(`nomyo: its key ${fingerprint} is trusted from now on; compare it with the operator`)
}
