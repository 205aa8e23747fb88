import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { UsageError } from '../exit-codes.js'
import { readSmallFile } from '../files.js'
import { didYouMean } from '../suggestion.js'
import { TIERS, type Tier } from './tiers.js'

/** What the config file may say. */
export interface ConfigFile {
  readonly gateway?: string
  readonly allowHttp?: boolean
  readonly model?: string
  readonly tier?: Tier
  readonly policy?: string
  readonly knownServers?: string
  readonly pins?: readonly string[]
  readonly apiKeyFile?: string
}

type Check = (value: unknown) => boolean
const isText: Check = (value) => typeof value === 'string' && value !== ''

/** What each member must be, and what is said when it is not. */
const MEMBERS: Readonly<Record<keyof ConfigFile, readonly [Check, string]>> = {
  gateway: [isText, 'a URL'],
  allowHttp: [(value) => typeof value === 'boolean', 'true or false'],
  model: [isText, 'the name of a model'],
  tier: [(value) => (TIERS as readonly unknown[]).includes(value), `one of ${TIERS.join(', ')}`],
  policy: [isText, 'a path'],
  knownServers: [isText, 'a path'],
  pins: [
    (value) => Array.isArray(value) && value.length > 0 && value.every(isText),
    'a list of sha256/ fingerprints',
  ],
  apiKeyFile: [isText, 'a path'],
}
const PATHS = ['policy', 'knownServers', 'apiKeyFile'] as const

/**
 * Reads the config file: the one that is named, or the one in its usual place, which need not exist.
 * Paths in it start where it lies; `~/` is the home folder.
 *
 * @throws UsageError, naming the member that makes no sense; values are not repeated
 */
export function readConfigFile(
  named: string | undefined,
  { usual, home }: { usual: string; home: string },
): ConfigFile {
  if (named === undefined && !existsSync(usual)) return {}
  const path = named ?? usual
  const config = check(parse(readSmallFile(path), path), path)
  const inPlace = (text: string): string =>
    text.startsWith('~/') ? join(home, text.slice(2)) : resolve(dirname(path), text)
  return {
    ...config,
    ...Object.fromEntries(
      PATHS.flatMap((name) => {
        const text = config[name]
        return text === undefined ? [] : [[name, inPlace(text)]]
      }),
    ),
  }
}

function parse(text: string, path: string): object {
  try {
    const json = JSON.parse(text) as unknown
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json
  } catch {
    // The parser's own message quotes the text.
  }
  throw new UsageError(`${path} is not a JSON object`)
}

function check(json: object, path: string): ConfigFile {
  const known = Object.keys(MEMBERS)
  for (const [name, value] of Object.entries(json)) {
    if (!Object.hasOwn(MEMBERS, name)) {
      const hint = didYouMean(name, known)
      throw new UsageError(
        `${path}: ${name} is no member known here${hint === '' ? `; they are ${known.join(', ')}` : hint}`,
      )
    }
    const [holds, what] = MEMBERS[name as keyof ConfigFile]
    if (!holds(value)) throw new UsageError(`${path}: ${name} must be ${what}`)
  }
  return json
}
