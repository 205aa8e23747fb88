import { randomUUID } from 'node:crypto'
import { existsSync, linkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { showResult } from '../attest/show-result.js'
import { isYes } from '../ask-person.js'
import { systemCode } from '../files.js'
import { oneLine, printable, type Output } from '../output.js'
import { homeFolder } from '../settings/home.js'
import { TIERS, isTier } from '../settings/tiers.js'
import { didYouMean } from '../suggestion.js'
import type { Conversation } from './conversation.js'

/** What commands of a session may use. */
export interface SlashContext {
  readonly output: Output
  readonly conversation: Conversation
  readonly isJudged: boolean
  readonly ask: (question: string) => Promise<string | undefined>
  readonly listModels: () => Promise<readonly string[]>
}

interface SlashCommand {
  readonly operand?: string
  readonly about: string
  /** Gives true when the session shall end. */
  readonly run: (context: SlashContext, operand: string) => Promise<boolean> | boolean | undefined
}

const COMMANDS: Readonly<Record<string, SlashCommand>> = {
  help: { about: 'these commands', run: ({ output }) => help(output) },
  system: {
    operand: '[TEXT]',
    about: 'tells the model something beforehand; shows it',
    run: system,
  },
  model: { operand: '[NAME]', about: 'changes the model; lists the models there are', run: model },
  tier: { operand: '[TIER]', about: `changes the security tier: ${TIERS.join(', ')}`, run: tier },
  attest: { about: 'what was last found out about the machine', run: attest },
  save: { operand: 'FILE', about: 'writes the conversation to a file (0600)', run: save },
  reset: { about: 'forgets the conversation', run: reset },
  quit: { about: 'ends the session; so does Ctrl-D', run: () => true },
}

/** The names as they are typed, for completion. */
export const SLASH_NAMES: readonly string[] = Object.keys(COMMANDS).map((name) => `/${name}`)

/** Runs a line that begins with a slash. Gives true when the session shall end. */
export async function runSlashCommand(context: SlashContext, line: string): Promise<boolean> {
  const [, name = '', operand = ''] = /^\/(\S*)\s*(.*)$/s.exec(line.trim()) ?? []
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command !== undefined) return (await command.run(context, operand)) === true
  const hint = didYouMean(`/${name}`, SLASH_NAMES)
  context.output.line(`There is no /${name}${hint === '' ? '; /help lists the commands' : hint}`)
  return false
}

function help({ line, style }: Output): undefined {
  for (const [name, { operand = '', about }] of Object.entries(COMMANDS)) {
    line(`  ${`/${name} ${operand}`.padEnd(16)} ${about}`)
  }
  line(style.quiet('  Anything else is sent. Ctrl-C cancels an answer, twice it ends the session.'))
}

function system({ output, conversation }: SlashContext, text: string): undefined {
  if (text !== '') conversation.system = text
  output.line(
    conversation.system === undefined
      ? 'The model is told nothing beforehand.'
      : `The model is told: ${printable(conversation.system)}`,
  )
}

async function model(context: SlashContext, name: string): Promise<boolean> {
  const { output, conversation } = context
  if (name !== '') {
    conversation.model = name
    output.line(`From now on ${oneLine(name)} is asked.`)
    return false
  }
  for (const one of await context.listModels()) {
    output.line(`${one === conversation.model ? '*' : ' '} ${oneLine(one)}`)
  }
  return false
}

function tier({ output, conversation }: SlashContext, text: string): undefined {
  if (isTier(text)) conversation.tier = text
  else if (text !== '') {
    output.line(`There is no tier ${oneLine(text)}; there are ${TIERS.join(', ')}`)
    return
  }
  output.line(
    conversation.tier === undefined
      ? 'No security tier is asked for.'
      : `Security tier ${conversation.tier} is asked for.`,
  )
}

function attest({ output, conversation, isJudged }: SlashContext): undefined {
  if (conversation.attestation !== undefined) showResult(output, conversation.attestation)
  else {
    output.line(
      isJudged
        ? 'Nothing has been found out yet.'
        : 'The machine is not judged: there is no policy. Begin the session with --policy FILE.',
    )
  }
}

async function save(context: SlashContext, operand: string): Promise<boolean> {
  const path = operand.replace(/^~(?=\/)/, homeFolder(process.env))
  const { output, conversation, ask } = context
  if (path === '') output.line('Name a file: /save FILE')
  else if (conversation.length === 0) output.line('There is nothing to save yet.')
  else {
    const isThere = existsSync(path)
    const mayWrite =
      !isThere || isYes((await ask(`${oneLine(path)} exists. Overwrite it? [y/N] `)) ?? '')
    output.line(mayWrite ? write(path, conversation.transcript(), isThere) : 'Not saved.')
  }
  return false
}

/** Whole or not at all, never readable by others, and over another file only where that was agreed to. */
function write(path: string, text: string, mayReplace: boolean): string {
  const temporaryPath = `${path}.${randomUUID()}`
  try {
    writeFileSync(temporaryPath, text, { flag: 'wx', mode: 0o600 })
    // Unlike a renaming, a link never takes the place of a file that appeared meanwhile.
    if (mayReplace) renameSync(temporaryPath, path)
    else linkSync(temporaryPath, path)
    return `Saved to ${oneLine(path)}.`
  } catch (error) {
    return `${oneLine(path)} cannot be written (${systemCode(error)}).`
  } finally {
    rmSync(temporaryPath, { force: true })
  }
}

function reset({ output, conversation }: SlashContext): undefined {
  conversation.reset()
  output.line('Forgotten. What the model is told beforehand stays.')
}
