import { EXIT } from '@nomyo-internal/command-line'
import { printable, printableJson, printableLine } from '@nomyo-internal/diagnostics'
import type { ChatMessage, ServerKeyEvent } from '@nomyo/client'
import { reserveFile } from '../../files.js'
import { chooseModel, listTrustedModels } from '../../gateway/choose-model.js'
import {
  answerText,
  openClient,
  type ChatParameters,
  type ClientHooks,
} from '../../gateway/client.js'
import type { Output } from '../../output/output.js'
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
      const completion = await output.waiting(
        `waiting for ${printableLine(model)}`,
        client.create(
          { model, messages, ...sampling, ...(tier && { security_tier: tier }) },
          { signal: stop.signal },
        ),
      )
      if (json) output.line(printableJson(completion))
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

/** Reports a key that is trusted for the first time. */
function noteFirstUse({ note }: Output, { type, server, fingerprint }: ServerKeyEvent): void {
  if (type !== 'first-use') return
  note(`nomyo: first use of ${server}`)
  note(`nomyo: its key ${fingerprint} is trusted from now on; compare it with the operator`)
}
