import { execFile } from 'node:child_process'

/** Files of the programs of this repository, by the names under which they are installed. */
export type Programs = ReadonlyMap<string, string>

/** Everything that a command may call. */
export interface Callable {
  programs: Programs
  /** Of the root package.json. */
  scripts: readonly string[]
}

/** Words that may precede the name of a program. */
const BEFORE = /^(?:\w+=.*|sudo|exec|nohup|npx|--yes)$/
const AS_USER = /\b(?:sudo|runuser) -u \S+(?: --)?/g
const BUILT_IN = ['install', 'exec', 'add', 'run', 'pack', 'changeset']

/** Finds commands and flags in a text of the shell that do not exist. */
export async function commandFindings(
  text: string,
  callable: Callable,
  help: (program: string, words: readonly string[]) => Promise<string | undefined>,
): Promise<string[]> {
  const findings = commandsOf(text, callable.programs).map(async ({ name, words }) => {
    if (name === 'pnpm') return scriptFindings(words, callable.scripts)
    const program = callable.programs.get(name)
    if (program === undefined) return [`there is no command ${name}`]
    return wordFindings(name, words, (path) => help(program, path))
  })
  return (await Promise.all(findings)).flat()
}

/** Returns a reader of help texts that runs every program once per subcommand. */
export function helpReader(): (
  program: string,
  words: readonly string[],
) => Promise<string | undefined> {
  const asked = new Map<string, Promise<string | undefined>>()
  return (program, words) => {
    const key = [program, ...words].join(' ')
    const answer = asked.get(key) ?? readHelp(program, words)
    asked.set(key, answer)
    return answer
  }
}

/** @returns undefined where it has none */
function readHelp(program: string, words: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const parameters = [program, ...words, '--help']
    execFile(process.execPath, parameters, { timeout: 20_000 }, (error, output) =>
      resolve(error === null ? output : undefined),
    )
  })
}

/** Finds the calls of our programs, and of pnpm, in a text of the shell. */
export function commandsOf(text: string, programs: Programs): { name: string; words: string[] }[] {
  const lines = text
    .replace(/\\\n/g, ' ')
    .replace(/(^|\s)#.*$/gm, '$1')
    .replace(AS_USER, '')
  return lines.split(/&&|\|\||[|;&\n()]/).flatMap((part) => {
    const words = part.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []
    const start = words.findIndex((word) => !BEFORE.test(word))
    const [first = '', second = ''] = words.slice(start)
    const rest = words.slice(start + 1)
    if (/^pnpm(?:@|$)/.test(first)) return [{ name: 'pnpm', words: rest }]
    const app = /^(?:\.\/)?apps\/[\w-]+\/dist\/main\.js$/.test(second) ? second : undefined
    if (first === 'node' && app !== undefined) {
      const name = [...programs].find(([, file]) => file.endsWith(app))?.[0] ?? second
      return [{ name, words: rest.slice(1) }]
    }
    return /^nomyo(?:-[\w-]+)?$/.test(first) ? [{ name: first, words: rest }] : []
  })
}

function scriptFindings(words: readonly string[], scripts: readonly string[]): string[] {
  const [first = ''] = words.filter((word) => word !== 'run')
  if (!/^[a-z]/.test(first) || BUILT_IN.includes(first) || scripts.includes(first)) return []
  return [`there is no script ${first}`]
}

async function wordFindings(
  name: string,
  words: readonly string[],
  help: (path: readonly string[]) => Promise<string | undefined>,
): Promise<string[]> {
  let helpText = await help([])
  if (helpText === undefined) return [`${name} --help fails (build first)`]
  let all = helpText
  const path: string[] = []
  for (const word of words) {
    if (!/^[a-z][\w-]*$/.test(word)) break
    const { literals, isOpen } = nextWords(helpText, [name, ...path])
    if (!literals.has(word)) {
      if (literals.size > 0 && !isOpen) return [`${[name, ...path].join(' ')} knows no ${word}`]
      break
    }
    path.push(word)
    helpText = (await help(path)) ?? helpText
    all += helpText
  }
  const flags = words.flatMap((word) => /^--[a-z][\w-]*/.exec(word)?.[0] ?? [])
  const known = new Set(['--help', ...(all.match(/--[a-z][\w-]*/g) ?? [])])
  const unknown = flags.filter((flag) => !known.has(flag))
  return unknown.map((flag) => `${[name, ...path].join(' ')} knows no ${flag}`)
}

/**
 * Finds the words that may follow in a call, from the lines of a help text that begin with it: literal
 * words, and whether any other word may follow.
 */
export function nextWords(
  helpText: string,
  call: readonly string[],
): { literals: Set<string>; isOpen: boolean } {
  const begin = `${call.join(' ')} `
  const rests = helpText
    .split('\n')
    .map((line) => line.replace(/^ *(?:Usage:)? */, ''))
    .flatMap((line) => (line.startsWith(begin) ? [line.slice(begin.length).trim()] : []))
  const firsts = rests.flatMap((rest) => /^\S+(?: \| \S+)*/.exec(rest)?.[0].split(/ ?\| ?/) ?? [])
  const literals = new Set(firsts.filter((word) => /^[a-z]/.test(word)))
  if (firsts.includes('COMMAND')) {
    for (const [, word = ''] of helpText.matchAll(/^ {2}([a-z][\w-]*) {2,}/gm)) literals.add(word)
  }
  return { literals, isOpen: firsts.some((word) => /^[A-Z]/.test(word) && word !== 'COMMAND') }
}
