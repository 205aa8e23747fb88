// Bundles every public subpath alone and checks that it contains nothing its layer forbids.
// Run after a build: node tools/check-layers.mjs [folder of the workspace]
import { builtinModules } from 'node:module'
import { join, resolve, sep } from 'node:path'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { Linter } from 'eslint'
import { appRules, layerRules } from './layer-rules.mjs'
import { packageNameOf, publicSubpaths, readMembers, runtimeDependencies } from './workspace.mjs'

/**
 * @typedef {import('./layer-rules.mjs').LayerRule} LayerRule
 * @typedef {import('./workspace.mjs').Member} Member
 */

/**
 * The findings of one package.json or one subpath.
 *
 * @typedef {object} Result
 * @property {string} name
 * @property {string[]} findings
 */

/**
 * One public subpath with everything it imports.
 *
 * @typedef {object} Bundle
 * @property {string} code white space and comments removed, names kept
 * @property {string[]} packages names of those whose modules are inside
 * @property {string[]} imports what stays outside; modules of Node as `node:name`
 */

/**
 * Checks every published member of a workspace.
 *
 * @param {string} root
 * @returns {Promise<Result[]>}
 */
export async function checkLayers(root) {
  const members = readMembers(root)
  const published = members.filter(({ manifest }) => manifest.private !== true)
  const results = await Promise.all(
    published.map(async (member) => {
      const { name } = member.manifest
      const rule = layerRules[name] ?? appRules[name]
      if (rule === undefined)
        return member.group === 'apps'
          ? []
          : [{ name, findings: ['has no rule in layer-rules.mjs'] }]
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

/**
 * Dependencies of a package.json that its rule does not allow.
 *
 * @param {Member} member
 * @param {LayerRule} rule
 * @returns {string[]}
 */
function forbiddenDependencies({ manifest }, { arrows, thirdParty }) {
  return runtimeDependencies(manifest)
    .filter((name) => !arrows.includes(name) && !thirdParty.includes(name))
    .map((name) => `must not depend on ${name}`)
}

/**
 * @param {Member} member
 * @param {string} subpath
 * @param {string} file
 * @param {LayerRule} rule
 * @param {readonly Member[]} members
 * @returns {Promise<Result>}
 */
async function checkSubpath({ folder, manifest }, subpath, file, rule, members) {
  const name = manifest.name + subpath.slice(1)
  try {
    const outside = rule.outside?.[subpath] ?? []
    const bundle = await bundleAlone(join(folder, file), outside, members)
    return { name, findings: bundleFindings(bundle, manifest.name, subpath, rule) }
  } catch (error) {
    return { name, findings: [`cannot be bundled: ${String(error)}`] }
  }
}

/**
 * @param {Bundle} bundle
 * @param {string} name of the package
 * @param {string} subpath
 * @param {LayerRule} rule
 * @returns {string[]}
 */
function bundleFindings(bundle, name, subpath, rule) {
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

/**
 * The packages whose modules may be in a bundle: the allowed dependencies, and theirs.
 *
 * @param {LayerRule} rule
 * @returns {string[]}
 */
function reachable({ arrows, thirdParty, outside = {} }) {
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
 * @param {string} code an ES module
 * @param {Pick<LayerRule, 'forbidden'>} rule
 * @returns {string[]} such as `network: fetch`
 */
export function forbiddenCode(code, { forbidden }) {
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
 * @param {string} file
 * @param {readonly string[]} outside what is not bundled, beside the modules of Node
 * @param {readonly Member[]} members
 * @returns {Promise<Bundle>}
 */
async function bundleAlone(file, outside, members) {
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

/**
 * The package a bundled module belongs to.
 *
 * @param {string} path
 * @param {readonly Member[]} members
 * @returns {string}
 */
function ownerOf(path, members) {
  const installed = path.lastIndexOf('node_modules/')
  if (installed !== -1) return packageNameOf(path.slice(installed + 'node_modules/'.length))
  const member = members.find(({ folder }) => resolve(path).startsWith(folder + sep))
  return member?.manifest.name ?? path
}

/** @param {string[]} values */
function unique(values) {
  return [...new Set(values)].sort()
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const results = await checkLayers(argv[2] ?? join(import.meta.dirname, '..'))
  for (const { name, findings } of results)
    console.log(`${name.padEnd(32)} ${findings.join('; ') || 'ok'}`)
  // No package at all means that the folder is wrong.
  if (results.length === 0 || results.some(({ findings }) => findings.length > 0))
    process.exitCode = 1
}
