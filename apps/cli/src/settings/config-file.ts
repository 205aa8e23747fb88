import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import {
  UsageError,
  type CommandContext,
  type Environment,
  type FileSettings,
  type OptionDefinition,
} from '@nomyo-internal/command-line'
import { printableJson, repeatedMember } from '@nomyo-internal/diagnostics'
import { readNamedFile } from '../files.js'
import { GATEWAY_OPTIONS, REQUEST_OPTIONS } from './gateway-settings.js'
import { homeFolder } from './home.js'

/** Options of any command that the file can set. */
const OPTIONS = Object.values<OptionDefinition>({ ...GATEWAY_OPTIONS, ...REQUEST_OPTIONS })
const membersOf = (options: readonly OptionDefinition[]): string[] =>
  options.flatMap(({ member }) => (typeof member === 'string' ? [member] : []))
const PATHS = membersOf(OPTIONS.filter(({ isPath }) => isPath))

/**
 * Reads the config file: the one that `--config` names, or the one in its usual place, where it may be
 * missing. Paths in it start at its folder; `~/` is the home folder.
 *
 * @throws UsageError that names the file and the member, and never a value
 */
export function readConfigFile(
  textOf: (name: string) => string | undefined,
  { environment }: CommandContext,
): FileSettings | undefined {
  const home = homeFolder(environment)
  const named = textOf('config')
  const path = named ?? join(configFolder(environment, home), 'nomyo', 'config.json')
  if (named === undefined && !existsSync(path)) return undefined
  const inPlace = (text: string): string =>
    text.startsWith('~/') ? join(home, text.slice(2)) : resolve(dirname(path), text)
  const members = Object.entries(parseObject(path)).map(([name, value]) => {
    const isPath = PATHS.includes(name) && typeof value === 'string' && value !== ''
    return [name, { value: isPath ? inPlace(value) : value }] as const
  })
  return { path, members: Object.fromEntries(members), known: membersOf(OPTIONS) }
}

/** The XDG specification has relative paths ignored. */
const configFolder = ({ XDG_CONFIG_HOME: named = '' }: Environment, home: string): string =>
  isAbsolute(named) ? named : join(home, '.config')

function parseObject(path: string): Record<string, unknown> {
  const text = readNamedFile(path, 1).toString()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // The message of the parser quotes the text.
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new UsageError(`${path} is not a JSON object`)
  }
  const repeated = repeatedMember(text)
  if (repeated === undefined) return json as Record<string, unknown>
  throw new UsageError(`${path} has the member ${printableJson(repeated)} twice`)
}
