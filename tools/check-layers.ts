// Bundles every public subpath alone and checks that it contains nothing its layer forbids.
// Run after a build: tsx tools/check-layers.ts [folder of the workspace]
import { builtinModules } from 'node:module'
import { join, resolve, sep } from 'node:path'
import { argv } from 'node:process'
import { build } from 'esbuild'
import { Linter } from 'eslint'
import { appRules, layerRules, type LayerRule } from './layer-rules.js'
import {
  packageNameOf,
  publicSubpaths,
  readMembers,
  runtimeDependencies,
  type Member,
} from './workspace.mjs'

/** Findings of one package.json or one subpath. */
interface Result {
  name: string
  findings: string[]
}

/** One public subpath with everything it imports. */
interface Bundle {
  /** White space and comments removed, names kept. */
  code: string
  /** Packages whose modules are inside. */
  packages: string[]
  /** Imports that stay outside; modules of Node as `node:name`. */
  imports: string[]
}

/** Checks every published member of a workspace. */
export async function checkLayers(root: string): Promise<Result[]> {
  const members = readMembers(root)
  const published = members.filter(({ manifest }) => manifest.private !== true)
  const results = await Promise.all(
    published.map(async (member) => {
      const { name } = member.manifest
      const rule = layerRules[name] ?? appRules[name]
      if (rule === undefined)
        return member.group === 'apps'
          ? []
          : [{ name, findings: ['has no rule in layer-rules.ts'] }]
      const dependencies = {
        name: `${name} package.json`,
        findings: forbiddenDependencies(member, rule),
      }
      if (member.group === 'apps') return [dependencies]
      const subpaths = publicSubpaths(member.manifest).map(([subpath, file]) =>
        checkSubpath(member, subpath, file, rule, members),
      )
      return [dependencies, ...(await Promise.all(subpaths))]
    }),
  )
  return results.flat()
}

/** Dependencies of a package.json that its rule does not allow. */
function forbiddenDependencies({ manifest }: Member, { arrows, thirdParty }: LayerRule): string[] {
  return runtimeDependencies(manifest)
    .filter((name) => !arrows.includes(name) && !thirdParty.includes(name))
    .map((name) => `must not depend on ${name}`)
}

async function checkSubpath(
  { folder, manifest }: Member,
  subpath: string,
  file: string,
  rule: LayerRule,
  members: readonly Member[],
): Promise<Result> {
  const name = manifest.name + subpath.slice(1)
  try {
    const outside = rule.outside?.[subpath] ?? []
    const bundle = await bundleAlone(join(folder, file), outside, members)
    return { name, findings: bundleFindings(bundle, manifest.name, subpath, rule) }
  } catch (error) {
    return { name, findings: [`cannot be bundled: ${String(error)}`] }
  }
}

/** @param name - of the package */
function bundleFindings(bundle: Bundle, name: string, subpath: string, rule: LayerRule): string[] {
  const isWhole = rule.whole?.includes(subpath) === true
  const allowed = isWhole ? [name] : [name, ...reachable(rule)]
  const outside = isWhole ? [] : rule.outside && (rule.outside[subpath] ?? [])
  const ownCode = rule.onlyReExports === true && !isWhole && bundle.packages.includes(name)
  return [
    ...bundle.packages
      .filter((other) => !allowed.includes(other))
      .map((other) => `contains modules of ${other}`),
    ...bundle.imports
      .filter((path) => outside?.includes(path) === false)
      .map((path) => `imports ${path}`),
    ...forbiddenCode(bundle.code, rule),
    ...(ownCode ? ['has code of its own; it may only re-export'] : []),
  ]
}

/** The packages whose modules may be in a bundle: the allowed dependencies, and theirs. */
function reachable({ arrows, thirdParty, outside = {} }: LayerRule): string[] {
  const behind = arrows.flatMap((name) => {
    const rule = layerRules[name]
    return rule === undefined ? [] : reachable(rule)
  })
  const inside = thirdParty.filter((name) => !Object.values(outside).flat().includes(name))
  return [...inside, ...arrows, ...behind]
}

/**
 * Code that a rule forbids, found by ESLint: neither a comment nor an error message counts.
 *
 * @param code - an ES module
 * @returns such as `network: fetch`
 */
export function forbiddenCode(code: string, { forbidden }: Pick<LayerRule, 'forbidden'>): string[] {
  const syntax = forbidden.flatMap((kind) => kind.syntax)
  const globals = forbidden.flatMap((kind) => kind.globals)
  const messages = new Linter().verify(code, {
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'off' },
    rules: {
      'no-restricted-syntax': ['error', ...syntax],
      'no-restricted-globals': ['error', { globals, checkGlobalObject: true }],
    },
  })
  const lines = code.split('\n')
  // Comments that would silence a rule are warnings.
  const errors = messages.filter(({ severity }) => severity === 2)
  const findings = errors.map(({ message, line, column, endColumn = column }) => {
    const text = lines[line - 1]?.slice(column - 1, endColumn - 1) ?? ''
    return message.includes(text) ? message : `${message}: ${text.replace(/^['"`]|['"`]$/g, '')}`
  })
  return [...new Set(findings)].sort()
}

/**
 * Bundles a built file alone, its dependencies inside.
 *
 * @param outside - what is not bundled, beside the modules of Node
 */
async function bundleAlone(
  file: string,
  outside: readonly string[],
  members: readonly Member[],
): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: [file],
    bundle: true,
    minifyWhitespace: true,
    minifySyntax: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    external: ['node:*', ...builtinModules, ...outside],
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  const [output] = Object.values(metafile.outputs)
  const inputs = Object.entries(output?.inputs ?? {}).filter(
    ([, { bytesInOutput }]) => bytesInOutput > 0,
  )
  return {
    code: outputFiles[0]?.text ?? '',
    packages: unique(inputs.map(([path]) => ownerOf(path, members))),
    imports: unique(
      (output?.imports ?? []).map(({ path }) =>
        builtinModules.includes(path) ? `node:${path}` : path,
      ),
    ),
  }
}

/** The package a bundled module belongs to. */
function ownerOf(path: string, members: readonly Member[]): string {
  const installed = path.lastIndexOf('node_modules/')
  if (installed !== -1) return packageNameOf(path.slice(installed + 'node_modules/'.length))
  const member = members.find(({ folder }) => resolve(path).startsWith(folder + sep))
  return member?.manifest.name ?? path
}

function unique(values: string[]) {
  return [...new Set(values)].sort()
}

if (argv[1] === import.meta.filename) {
  const results = await checkLayers(argv[2] ?? join(import.meta.dirname, '..'))
  for (const { name, findings } of results)
    console.log(`${name.padEnd(32)} ${findings.join('; ') || 'ok'}`)
  // No package at all means that the folder is wrong.
  if (results.length === 0 || results.some(({ findings }) => findings.length > 0))
    process.exitCode = 1
}
