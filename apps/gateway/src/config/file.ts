import { readFileSync } from 'node:fs'
import { errnoCode } from '@nomyo-internal/diagnostics'
import {
  SECRET_MASK,
  UsageError,
  type Environment,
  type FileMember,
  type FileSettings,
  type OptionDefinition,
} from '@nomyo-internal/command-line'
import { LineCounter, isMap, isNode, isScalar, parseDocument, type Document } from 'yaml'
import { z } from 'zod'
import type { RequestRules } from '../access/policy/request-rules.js'
import { SECURITY_TIERS, type PolicyConfig } from '../access/policy/tier-policy.js'
import type { UpstreamConfig } from '../upstreams/pool/upstream.js'
import type { SourceFile } from './config.js'
import { describeIssue, pathText, refuseRepeatedNames, type Path } from './issues.js'
import { OPTIONS, isHealthPath, isUpstreamUrl } from './schema.js'

/** Content of a config file. */
export interface ConfigFile extends FileSettings {
  readonly upstreams: readonly UpstreamConfig[] | undefined
  readonly policy: PolicyConfig | undefined
  /** This file, and those of secrets that it names. */
  readonly sources: readonly SourceFile[]
  readonly requests: RequestRules | undefined
}

/** Members without a flag. */
const STRUCTURED = ['upstreams', 'tiers', 'policyVersion', 'requests']
const OPTION_OF_MEMBER = new Map<string, OptionDefinition>(
  Object.values<OptionDefinition>(OPTIONS).flatMap((option) =>
    typeof option.member === 'string' ? [[option.member, option]] : [],
  ),
)

/**
 * Reads the config file, if one is named: YAML, of which JSON is a part. Errors name the line and the
 * member, never a value, which may be a secret.
 *
 * @param textOf - returns the text of an option by flag or variable
 * @throws UsageError
 */
export function readConfigFile(
  textOf: (name: string) => string | undefined,
  environment: Environment,
): ConfigFile | undefined {
  const path = textOf('config')
  if (path === undefined) return undefined
  const secretFiles = new Set<string>()
  const locations: SecretLocations = { environment, onFile: (file) => secretFiles.add(file) }
  const lines = new LineCounter()
  // Pretty errors quote the file.
  const document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false })
  const lineAt = (offset: number): number => lines.linePos(offset).line
  const [broken] = [...document.errors, ...document.warnings]
  if (broken !== undefined) {
    const source = { kind: 'file', file: path, line: lineAt(broken.pos[0]), member: '' } as const
    const problem =
      broken.code === 'DUPLICATE_KEY'
        ? 'repeats a member'
        : `is not valid YAML or JSON from here on (${broken.code})`
    throw new UsageError({ source, problem })
  }
  const lineOf = (member: Path): number => lineAt(offsetOf(document, member))
  const mistake = (member: Path, problem: string): UsageError => {
    const source = {
      kind: 'file',
      file: path,
      line: lineOf(member),
      member: pathText(member),
    } as const
    return new UsageError({ source, problem })
  }
  const content = valueOf(document)
  // A file whose content was lost must not open the gateway.
  if (content === null || content === undefined) {
    throw new UsageError({ option: 'config', problem: `${path} is empty` })
  }
  if (typeof content !== 'object' || Array.isArray(content)) throw mistake([], 'must have members')
  const members = new Map<string, unknown>(Object.entries(content))
  const structured = Object.fromEntries(
    STRUCTURED.filter((name) => members.has(name)).map((name) => [name, members.get(name)]),
  )
  const parsed = structuredSchema(locations).safeParse(structured)
  const [issue] = parsed.error?.issues ?? []
  if (issue !== undefined) throw mistake(...describeIssue(issue))
  const { upstreams, tiers, policyVersion, requests } = parsed.data ?? {}
  if (upstreams !== undefined && members.has('upstream')) {
    throw mistake(['upstreams'], 'and upstream cannot be combined')
  }
  // A trial of a file without its model servers, which are checked all the same.
  const isTrial = textOf('engine') === 'demo'
  if (isTrial) {
    members.delete('upstream')
    members.delete('model')
  }
  return {
    path,
    members: Object.fromEntries(
      [...members]
        .filter(([name]) => !STRUCTURED.includes(name))
        .map(([name, value]) => [name, memberOf(name, value, { mistake, lineOf, locations })]),
    ),
    known: [...OPTION_OF_MEMBER.keys()],
    upstreams: isTrial ? undefined : upstreams,
    policy: tiers && { tiers, version: policyVersion },
    requests,
    // Last: the members above read the files of secrets.
    sources: [
      { path, isSecret: false },
      ...[...secretFiles].map((file) => ({ path: file, isSecret: true })),
    ],
  }
}

interface MemberContext {
  readonly mistake: (path: Path, problem: string) => UsageError
  readonly lineOf: (path: Path) => number
  readonly locations: SecretLocations
}

/** Places of secrets that a config file names. */
interface SecretLocations {
  readonly environment: Environment
  /** Receives the path of each file that is read. */
  readonly onFile: (path: string) => void
}

/** Locates the value of an option, and reads secrets from their locations. */
function memberOf(
  name: string,
  value: unknown,
  { mistake, lineOf, locations }: MemberContext,
): FileMember {
  const { secret = false, repeatable = false } = OPTION_OF_MEMBER.get(name) ?? {}
  const itemAt = (given: unknown, path: Path): unknown => {
    // Commas separate the values of a variable, so that no value has one.
    if (repeatable && String(given).includes(',')) throw mistake(path, 'must not contain a comma')
    if (!secret) return given
    const found = secretSchema(locations).safeParse(given)
    if (found.success) return found.data
    throw mistake(path, found.error.issues[0]?.message ?? 'is invalid')
  }
  const line = lineOf([name])
  if (!Array.isArray(value)) return { value: itemAt(value, [name]), line }
  return {
    value: value.map((one, at) => itemAt(one, [name, at])),
    line,
    lines: value.map((_, at) => lineOf([name, at])),
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError({
      option: 'config',
      problem: `${path} cannot be read (${errnoCode(error)})`,
    })
  }
}

function valueOf(document: Document): unknown {
  try {
    return document.toJS()
  } catch {
    throw new UsageError({
      option: 'config',
      problem: 'must name a file with fewer YAML aliases',
    })
  }
}

/** Returns the offset of a member, or of the nearest member that exists. */
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

/** Creates the schema of a secret: text, or its location as `{ env: NAME }` or `{ file: PATH }`. */
function secretSchema(locations: SecretLocations) {
  const error = 'must be text, { env: NAME } or { file: PATH }'
  const location = z.union(
    [z.string(), z.strictObject({ env: z.string() }), z.strictObject({ file: z.string() })],
    { error },
  )
  return location.transform((given, context) => {
    const secret = typeof given === 'string' ? given : find(given, locations)
    // An empty key would protect nothing, and one that cannot be sent would lock out every caller.
    if (secret !== undefined && /^[\x21-\x7e]+$/.test(secret)) return secret
    context.addIssue(problemOf(secret))
    return z.NEVER
  })
}

function problemOf(secret: string | undefined): string {
  if (secret === undefined) return 'is missing: the variable or file that it names does not exist'
  if (secret === '') return 'is empty: give it a value'
  if (secret === SECRET_MASK) {
    return 'was hidden by --print-config: set its text, { env: NAME } or { file: PATH }'
  }
  return 'must be visible ASCII characters, without blanks'
}

function find(
  location: { env: string } | { file: string },
  { environment, onFile }: SecretLocations,
): string | undefined {
  if ('env' in location) return environment[location.env]
  onFile(location.file)
  try {
    return readFileSync(location.file, 'utf8').trim()
  } catch {
    return undefined
  }
}

const text = z.string().min(1, { error: 'must not be empty' })
const rule = z
  .strictObject({
    models: z.array(text).min(1).optional(),
    requireAttestation: z.boolean().optional(),
    requireUpstreamTls: z.boolean().optional(),
  })
  .optional()
const tiers = z
  .strictObject({ standard: rule, high: rule, maximum: rule })
  .refine((given) => Object.keys(given).length > 0, { error: 'must name at least one tier' })
const requests = z.strictObject({
  maxChoices: z.int().min(1).max(1000).optional(),
  maxTokens: z.int().min(1).optional(),
  remoteMedia: z.enum(['forward', 'refuse']).optional(),
  unknownMembers: z.enum(['forward', 'refuse']).optional(),
  members: z.array(text).min(1).optional(),
})
const milliseconds = z.int().min(1).max(3_600_000).optional()

/** Creates the schema of the members that have no flag. */
function structuredSchema(locations: SecretLocations) {
  const upstream = z
    .strictObject({
      name: z.string().regex(/^[\w.-]{1,64}$/, {
        error: 'must be 1 to 64 letters, digits, dots, dashes or underscores',
      }),
      url: z.string().refine(isUpstreamUrl, {
        error: 'must be a URL such as http://127.0.0.1:11434/v1',
      }),
      healthPath: z
        .string()
        .refine(isHealthPath, { error: 'must be a path such as /health, or models below the url' })
        .optional(),
      apiKey: secretSchema(locations).optional(),
      caFile: text.optional(),
      models: z.array(text).min(1).optional(),
      cacheSalt: z.boolean().optional(),
      weight: z.number().min(0.01).max(1000).optional(),
      maxConcurrent: z.int().min(1).optional(),
      tiers: z.array(z.enum(SECURITY_TIERS)).min(1).optional(),
      timeouts: z
        .strictObject({ connectMs: milliseconds, headersMs: milliseconds, totalMs: milliseconds })
        .optional(),
    })
    .refine(({ url, caFile }) => caFile === undefined || /^https:/i.test(url), {
      path: ['caFile'],
      error: 'needs a url with https://',
    })
  return z
    .strictObject({
      upstreams: z.array(upstream).min(1).superRefine(refuseRepeatedNames).optional(),
      tiers: tiers.optional(),
      policyVersion: z
        .string()
        .regex(/^[\x21-\x7e]{1,64}$/, { error: 'must be 1 to 64 visible ASCII characters' })
        .optional(),
      requests: requests.optional(),
    })
    .refine(({ tiers, policyVersion }) => tiers !== undefined || policyVersion === undefined, {
      path: ['policyVersion'],
      error: 'needs tiers: without them there is no policy',
    })
}
