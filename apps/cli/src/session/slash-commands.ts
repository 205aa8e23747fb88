import { randomUUID } from 'node:crypto'
import { existsSync, linkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { suggestion, type Environment } from '@nomyo-internal/command-line'
import { errnoCode, printable, printableLine } from '@nomyo-internal/diagnostics'
import { showResult } from '../output/attestation-result.js'
import { isYes } from '../output/confirm.js'
import type { Output } from '../output/output.js'
import { TIERS } from '../settings/gateway-settings.js'
import { homeFolder } from '../settings/home.js'
import type { Conversation } from './conversation.js'

/** Parts of a session that its commands use. */
export interface SlashContext {
  readonly output: Output
  readonly conversation: Conversation
  readonly environment: Environment
  readonly hasPolicy: boolean
  readonly ask: (question: string) => Promise<string | undefined>
  readonly listModels: () => Promise<readonly string[]>
}

interface SlashCommand {
  readonly operand?: string
  readonly summary: string
  /** Runs the command; gives true when the session ends. */
  readonly run: (context: SlashContext, operand: string) => Promise<boolean> | boolean | undefined
}

const COMMANDS: Readonly<Record<string, SlashCommand>> = {
  help: { summary: 'lists these commands', run: ({ output }) => help(output) },
  system: {
    operand: '[TEXT]',
    summary: 'sets the system message; shows it',
    run: system,
  },
  model: {
    operand: '[NAME]',
    summary: 'changes the model to one of the list; shows the list',
    run: model,
  },
  tier: { operand: '[TIER]', summary: `changes the security tier: ${TIERS.join(', ')}`, run: tier },
  attest: { summary: 'shows the last attestation of the machine', run: attest },
  save: { operand: 'FILE', summary: 'writes the conversation to a file (0600)', run: save },
  reset: { summary: 'clears the conversation', run: reset },
  exit: { summary: 'ends the session; so do exit, quit and Ctrl-D', run: () => true },
}

/** Other names, among them the slash alone. */
const ALIASES: Readonly<Record<string, string>> = { '': 'help', '?': 'help', quit: 'exit' }

/** Messages that end a session, as they end a shell. */
const ENDING = ['exit', 'quit']

/** Names as they are typed, for completion. */
export const SLASH_NAMES: readonly string[] = Object.keys(COMMANDS).map((name) => `/${name}`)

/** Tells a command of the session from a message to the model. */
export function isCommand(message: string): boolean {
  return message.startsWith('/') || ENDING.includes(message.trim())
}

/** Runs a command of the session; gives true when the session ends. */
export async function runSlashCommand(context: SlashContext, line: string): Promise<boolean> {
  const [, word = '', operand = ''] = /^\/?(\S*)\s*(.*)$/s.exec(line.trim()) ?? []
  const name = Object.hasOwn(ALIASES, word) ? (ALIASES[word] ?? word) : word
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command !== undefined) return (await command.run(context, operand)) === true
  const meant = suggestion(`/${name}`, SLASH_NAMES)
  const hint = meant === undefined ? '/help lists the commands.' : `Did you mean ${meant}?`
  context.output.line(`Unknown command /${printableLine(name)}. ${hint}`)
  return false
}

function help({ line, style }: Output): undefined {
  for (const [name, { operand = '', summary }] of Object.entries(COMMANDS)) {
    line(`  ${`/${name} ${operand}`.padEnd(16)} ${summary}`)
  }
  line(
    style.quiet('  Tab completes a command. Anything else is sent; text that begins with a slash,'),
  )
  line(style.quiet('  after a space. Ctrl-C stops an answer, twice it ends the session.'))
}

function system({ output, conversation }: SlashContext, text: string): undefined {
  if (text !== '') conversation.system = text
  output.line(
    conversation.system === undefined
      ? 'There is no system message.'
      : `System message: ${printable(conversation.system)}`,
  )
}

async function model(context: SlashContext, name: string): Promise<boolean> {
  const { output, conversation } = context
  const names = await output.waiting('asking for the models', context.listModels())
  if (name === '') {
    for (const one of names) {
      output.line(`${one === conversation.model ? '*' : ' '} ${printableLine(one)}`)
    }
  } else if (names.includes(name) || names.length === 0) {
    conversation.model = name
    output.line(`Answers now come from the model ${printableLine(name)}.`)
  } else {
    const meant = suggestion(name, names)
    const hint = meant === undefined ? '/model lists all.' : `Did you mean ${printableLine(meant)}?`
    output.line(`The gateway does not list the model ${printableLine(name)}. ${hint}`)
  }
  if (names.length === 0) output.line('The gateway lists no models.')
  return false
}

function tier({ output, conversation }: SlashContext, text: string): undefined {
  const known = TIERS.find((one) => one === text)
  if (known !== undefined) conversation.tier = known
  else if (text !== '') {
    output.line(`Unknown tier ${printableLine(text)}. The tiers are ${TIERS.join(', ')}.`)
    return
  }
  output.line(
    conversation.tier === undefined
      ? 'Requests name no security tier.'
      : `Requests name the security tier ${conversation.tier}.`,
  )
}

function attest({ output, conversation, hasPolicy }: SlashContext): undefined {
  if (conversation.attestation !== undefined) showResult(output, conversation.attestation)
  else {
    output.line(
      hasPolicy
        ? 'The machine is not attested yet.'
        : 'The machine is not appraised: there is no policy. Begin the session with --policy FILE.',
    )
  }
}

async function save(context: SlashContext, operand: string): Promise<boolean> {
  const path = operand.replace(/^~(?=\/)/, homeFolder(context.environment))
  const { output, conversation, ask } = context
  if (path === '') output.line('Name a file: /save FILE')
  else if (conversation.length === 0) output.line('There is nothing to save yet.')
  else {
    const exists = existsSync(path)
    const mayWrite =
      !exists || isYes((await ask(`${printableLine(path)} exists. Overwrite it? [y/N] `)) ?? '')
    output.line(mayWrite ? write(path, conversation.transcript(), exists) : 'Not saved.')
  }
  return false
}

/** Writes all or nothing, with mode 0600; replaces another file only where that was confirmed. */
function write(path: string, text: string, mayReplace: boolean): string {
  const temporaryPath = `${path}.${randomUUID()}`
  try {
    writeFileSync(temporaryPath, text, { flag: 'wx', mode: 0o600 })
    // Unlike a rename, a link never replaces a file that appeared meanwhile.
    if (mayReplace) renameSync(temporaryPath, path)
    else linkSync(temporaryPath, path)
    return `Saved to ${printableLine(path)}.`
  } catch (error) {
    return `${printableLine(path)} cannot be written (${errnoCode(error)}).`
  } finally {
    rmSync(temporaryPath, { force: true })
  }
}

function reset({ output, conversation }: SlashContext): undefined {
  conversation.reset()
  output.line('Conversation cleared. The system message stays.')
}
