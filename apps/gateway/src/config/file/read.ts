import { readFileSync } from 'node:fs'
import { LineCounter, isMap, isNode, isScalar, parseDocument, type Document } from 'yaml'
import type { z } from 'zod'
import type { UpstreamConfig } from '../../upstreams/upstream.js'
import { memberName, variableName, type Environment, type Flags } from '../options/flag.js'
import type { PolicyConfig } from '../../access/tier-policy.js'
import { UsageError } from '../options/usage-error.js'
import { fileSchema } from './schema.js'

/** What a config file says. */
export interface ConfigFile {
  /** What it says of flags, as the variables that stand for them. */
  readonly variables: Environment
  readonly upstreams: readonly UpstreamConfig[] | undefined
  readonly policy: PolicyConfig | undefined
  /** A mistake in the value of a flag that stands in the file, with its place. */
  mistake(flag: string, what: string): UsageError
}

type Path = readonly PropertyKey[]

/**
 * Reads YAML, of which JSON is a part. Mistakes are told by line and member, never by value, which
 * may be a key.
 *
 * @throws UsageError
 */
export function readConfigFile(path: string, flags: Flags, environment: Environment): ConfigFile {
  const lines = new LineCounter()
  // Else messages quote the file.
  const document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false })
  const at = (offset: number): string => `${path}:${String(lines.linePos(offset).line)}:`
  const [broken] = [...document.errors, ...document.warnings]
  if (broken !== undefined) {
    throw new UsageError(`${at(broken.pos[0])} is no YAML or JSON from here on (${broken.code}).`)
  }
  const mistake = (path: Path, what: string): UsageError => {
    // One text is read as a list of one.
    const isListOfOne = typeof path.at(-1) === 'number' && !document.hasIn(path)
    const member = isListOfOne ? path.slice(0, -1) : path
    return new UsageError(`${at(offsetOf(document, member))} ${pathText(member)}${what}.`)
  }
  const parsed = fileSchema(flags, environment).safeParse(valueOf(document) ?? {})
  const [issue] = parsed.error?.issues ?? []
  if (issue !== undefined) throw mistake(...describe(issue))
  const { upstreams, tiers, policyVersion, ...members } = parsed.data ?? {}
  return {
    variables: variablesOf(members, flags),
    upstreams,
    policy: tiers && { tiers, version: policyVersion },
    mistake: (flag, what) => mistake([memberName(flag)], what),
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new UsageError(`--config ${path} cannot be read (${code}).`)
  }
}

function valueOf(document: Document): unknown {
  try {
    return document.toJS()
  } catch {
    throw new UsageError('--config must name a file whose aliases do not multiply.')
  }
}

/** Which member is wrong, and how. */
function describe(issue: z.core.$ZodIssue): [Path, string] {
  if (issue.code !== 'unrecognized_keys') return [issue.path, ` ${issue.message}`]
  const [unknown = ''] = issue.keys
  return [[...issue.path, unknown], ' is no member known here']
}

/** Where a member begins, or what should hold it. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const member = path[length - 1]
    const parent: unknown =
      length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === member)
      : undefined
    const node: unknown = pair?.key ?? document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}

/** `upstreams[0].url`. */
const pathText = (path: Path): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${String(part)}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')

function variablesOf(members: Readonly<Record<string, unknown>>, flags: Flags): Environment {
  const given = Object.keys(flags).filter((flag) => members[memberName(flag)] !== undefined)
  return Object.fromEntries(
    given.map((flag) => [variableName(flag), String(members[memberName(flag)])]),
  )
}
