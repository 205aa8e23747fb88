import type { AttestationResult, SecureChatCompletion, ServerKeyEvent } from '@nomyo/client'
import { EXIT } from '../exit-codes.js'
import { failureOf } from '../failure.js'
import { listModels } from '../gateway/ask.js'
import { fetchTrustedKey, openClient, type ClientHooks } from '../gateway/client.js'
import { requireMachine } from '../gateway/judge-machine.js'
import { oneLine, printable, type Output } from '../output.js'
import type { Settings } from '../settings/settings.js'
import { answerText } from './answer-text.js'
import type { ChatOptions } from './chat-command.js'
import { chooseModel, listTrustedModels } from './choose-model.js'
import { Conversation } from './conversation.js'
import { LineReader } from './line-reader.js'
import { SLASH_NAMES, runSlashCommand, type SlashContext } from './slash-commands.js'

/** A conversation on a terminal. Nothing of it reaches a file unless it is saved. */
export async function runSession(
  output: Output,
  settings: Settings,
  options: ChatOptions,
): Promise<number> {
  const hooks: ClientHooks = {
    onWarning: output.note,
    timeoutMs: options.timeoutMs,
    onAttestation: ({ result }) => {
      conversation.attestation = result
    },
  }
  const conversation = await begin(output, settings, options)
  const client = await openClient(settings, hooks)
  try {
    return await new Session(output, settings, options, conversation, client).run()
  } finally {
    client.dispose()
  }
}

/** Looks at the gateway, and says who is there before anything is typed. */
async function begin(
  output: Output,
  settings: Settings,
  { system }: ChatOptions,
): Promise<Conversation> {
  const { line, style, waiting } = output
  let found: ServerKeyEvent['type'] | undefined
  const onServerKey = ({ type }: ServerKeyEvent): void => {
    found ??= type
  }
  const key = await waiting('fetching the server key', fetchTrustedKey(settings, { onServerKey }))
  line(`gateway  ${settings.gateway}`)
  line(`key      ${key.fingerprint}`)
  line(`         ${style.quiet(describeTrust(settings, found))}`)
  let attestation: AttestationResult | undefined
  const machine = requireMachine(settings, key, (result) => {
    attestation = result
    line(`machine  tier ${result.tier}, key ${result.trust} (/attest says more)`)
  })
  if (settings.policy === undefined) line('machine  not judged: there is no policy (--policy FILE)')
  await waiting('asking the machine', machine)
  // Key and machine were looked at just now.
  const model = settings.model ?? chooseModel(await listModels(settings))
  const conversation = new Conversation(model, settings.tier, system)
  conversation.attestation = attestation
  line(`model    ${oneLine(model)}`)
  line()
  line(style.quiet('Answers come whole, not word by word. /help lists the commands, /quit ends.'))
  return conversation
}

function describeTrust({ pins }: Settings, found: ServerKeyEvent['type'] | undefined): string {
  const pinned = pins === undefined ? '' : 'pinned, '
  return found === 'first-use'
    ? `${pinned}first use: trusted from now on; compare it with the operator`
    : `${pinned}known from before`
}

class Session {
  readonly #output: Output
  readonly #options: ChatOptions
  readonly #conversation: Conversation
  readonly #client: SecureChatCompletion
  readonly #reader: LineReader
  readonly #slash: SlashContext
  /** Of the answer under way. */
  #call: AbortController | undefined
  /** Ctrl-C was the last that happened. */
  #interrupted = false
  #exitCode: number = EXIT.ok

  constructor(
    output: Output,
    settings: Settings,
    options: ChatOptions,
    conversation: Conversation,
    client: SecureChatCompletion,
  ) {
    this.#output = output
    this.#options = options
    this.#conversation = conversation
    this.#client = client
    this.#reader = new LineReader(SLASH_NAMES, () => this.#interrupt())
    this.#slash = {
      output,
      conversation,
      isJudged: settings.policy !== undefined,
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

  /** Gives true when the session shall end. What fails is said, and the session goes on. */
  async #handle(message: string): Promise<boolean> {
    try {
      if (message.startsWith('/')) return await runSlashCommand(this.#slash, message)
      await this.#answer(message)
    } catch (error) {
      this.#output.note(this.#output.noteStyle.bad(`nomyo: ${failureOf(error).text}`))
    }
    return false
  }

  async #answer(asked: string): Promise<void> {
    const { line, note, waiting } = this.#output
    const { model, tier } = this.#conversation
    this.#call = new AbortController()
    try {
      const completion = await waiting(
        'waiting for the answer, Ctrl-C cancels',
        this.#client.create(
          {
            model,
            messages: this.#conversation.messagesWith(asked),
            ...this.#options.parameters,
            ...(tier === undefined ? {} : { security_tier: tier }),
          },
          { signal: this.#call.signal },
        ),
      )
      const answered = answerText(completion, note)
      this.#conversation.add(asked, answered)
      line(`\n${printable(answered).trimEnd()}\n`)
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
    this.#output.line('\nCtrl-C again ends the session.')
    this.#reader.prompt()
  }
}
