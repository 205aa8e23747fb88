import { EXIT, type CommandContext } from '@nomyo-internal/command-line'
import { printable, printableLine } from '@nomyo-internal/diagnostics'
import type {
  AttestationResult,
  SecureChatCompletion,
  ServerKeyEvent,
  WireInfo,
} from '@nomyo/client'
import { describeError } from '../describe-error.js'
import { chooseModel, listTrustedModels } from '../gateway/choose-model.js'
import { openClient, type ChatParameters, type ClientHooks } from '../gateway/client.js'
import { fetchModelNames } from '../gateway/fetch.js'
import { streamAnswer } from '../gateway/stream-answer.js'
import type { Output } from '../output/output.js'
import { TextWriter } from '../output/text-writer.js'
import { describeWire } from '../output/wire.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { Conversation } from './conversation.js'
import { LineReader } from './line-reader.js'
import { SLASH_NAMES, isCommand, runSlashCommand, type SlashContext } from './slash-commands.js'

/** Holds a conversation on a terminal. Nothing of it reaches a file unless it is saved. */
export async function runSession(
  output: Output,
  settings: GatewaySettings,
  parameters: ChatParameters,
  context: CommandContext,
): Promise<number> {
  const state: GatewayState = {}
  const hooks: ClientHooks = {
    onWarning: output.note,
    timeoutMs: parameters.timeoutMs,
    onServerKey: ({ type }) => {
      state.found ??= type
    },
    onAttestation: ({ result }) => {
      state.attestation = result
      if (conversation !== undefined) conversation.attestation = result
    },
  }
  let conversation: Conversation | undefined
  const client = await openClient(settings, hooks)
  try {
    conversation = await begin(output, settings, { parameters, client, state })
    return await new Session({ output, settings, parameters, conversation, client, context }).run()
  } finally {
    client.dispose()
  }
}

/** Results of the checks of a gateway. */
interface GatewayState {
  found?: ServerKeyEvent['type']
  attestation?: AttestationResult
}

/** Parts of the beginning of a session. */
interface Beginning {
  readonly parameters: ChatParameters
  readonly client: SecureChatCompletion
  readonly state: GatewayState
}

/** Verifies the gateway, and shows the result before anything is typed. */
async function begin(
  output: Output,
  settings: GatewaySettings,
  { parameters: { system }, client, state }: Beginning,
): Promise<Conversation> {
  const { line, style, waiting } = output
  line(`gateway  ${settings.gateway}`)
  const showMachine = (): void => {
    const { attestation } = state
    if (attestation === undefined) return
    line(`machine  tier ${attestation.tier}, key ${attestation.trust} (/attest shows more)`)
  }
  const wire = await waiting('verifying the gateway', client.chooseWire()).catch(
    (error: unknown) => {
      showMachine()
      throw error
    },
  )
  line(`wire     ${describeWire(wire)}`)
  line(`key      ${wire.fingerprint}`)
  line(`         ${style.quiet(describeTrust(settings, wire, state.found))}`)
  showMachine()
  if (settings.policy === undefined)
    line('machine  not appraised: there is no policy (--policy FILE)')
  // Keys and machine were verified just now.
  const model = settings.model ?? chooseModel(await fetchModelNames(settings))
  const conversation = new Conversation(model, settings.tier, system)
  conversation.attestation = state.attestation
  line(`model    ${printableLine(model)}`)
  line()
  const pace = wire.wire === 1 ? 'On wire 1, answers come whole. ' : ''
  line(style.quiet(`${pace}/help lists the commands, Ctrl-C stops an answer, exit ends.`))
  return conversation
}

function describeTrust(
  { pins, policy }: GatewaySettings,
  { reason }: WireInfo,
  found: ServerKeyEvent['type'] | undefined,
): string {
  if (reason === 'vouched') return 'vouched for by the pinned or known server key'
  const pinned = pins === undefined ? '' : 'pinned, '
  const since = policy === undefined ? 'from now on' : 'once the machine has endorsed it'
  return found === 'first-use'
    ? `${pinned}first use: trusted ${since}; compare it with the operator`
    : `${pinned}known`
}

/** Parts of a session. */
interface SessionParts {
  readonly output: Output
  readonly settings: GatewaySettings
  readonly parameters: ChatParameters
  readonly conversation: Conversation
  readonly client: SecureChatCompletion
  readonly context: CommandContext
}

class Session {
  readonly #parts: SessionParts
  readonly #reader: LineReader
  readonly #slash: SlashContext
  /** Controller of the answer in progress. */
  #call: AbortController | undefined
  /** Ctrl-C was the last input. */
  #interrupted = false
  #exitCode: number = EXIT.ok

  constructor(parts: SessionParts) {
    const { output, settings, conversation, context } = parts
    this.#parts = parts
    this.#reader = new LineReader(context, SLASH_NAMES, () => this.#interrupt())
    this.#slash = {
      output,
      conversation,
      environment: context.environment,
      hasPolicy: settings.policy !== undefined,
      ask: (question) => this.#reader.next(question),
      listModels: () => listTrustedModels(settings, {}),
    }
  }

  async run(): Promise<number> {
    try {
      for (;;) {
        const message = await this.#reader.next('> ')
        if (message === undefined) break
        this.#interrupted = false
        if (message.trim() === '') continue
        if (await this.#handle(message)) break
      }
    } finally {
      this.#reader.close()
    }
    return this.#exitCode
  }

  /** Handles one message; gives true when the session ends. Errors are shown, and do not end it. */
  async #handle(message: string): Promise<boolean> {
    try {
      if (isCommand(message)) return await runSlashCommand(this.#slash, message)
      await this.#answer(message)
    } catch (error) {
      const { note, noteStyle } = this.#parts.output
      note(noteStyle.bad(`nomyo: ${describeError(error).text}`))
    }
    return false
  }

  /** Prints an answer while it arrives. The text of one that was stopped stays in the conversation. */
  async #answer(asked: string): Promise<void> {
    const { output, parameters, conversation, client } = this.#parts
    const { model, tier } = conversation
    const call = (this.#call = new AbortController())
    const writer = new TextWriter(output.write)
    let answered = ''
    try {
      const request = {
        model,
        messages: conversation.messagesWith(asked),
        ...parameters.sampling,
        ...(tier && { security_tier: tier }),
      }
      const notes = await streamAnswer(client, request, call.signal, {
        waiting: (work) => output.waiting('waiting for the answer, Ctrl-C cancels', work),
        onText: (text) => {
          if (answered === '') output.line()
          answered += text
          writer.add(printable(text))
        },
      })
      conversation.add(asked, answered)
      output.line('\n')
      for (const text of notes) output.note(text)
    } catch (error) {
      if (answered === '') throw error
      output.line('\n')
      if (!call.signal.aborted) throw error
      conversation.add(asked, answered)
      output.note(output.noteStyle.quiet('Stopped. The text so far stays in the conversation.'))
    } finally {
      this.#call = undefined
    }
  }

  #interrupt(): void {
    if (this.#interrupted) {
      this.#exitCode = EXIT.interrupted
      this.#call?.abort()
      this.#reader.close()
      return
    }
    this.#interrupted = true
    if (this.#call !== undefined) {
      this.#call.abort()
      return
    }
    this.#reader.clear()
    this.#parts.output.line('\nCtrl-C again ends the session.')
    this.#reader.prompt()
  }
}
