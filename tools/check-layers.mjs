// Bundles every public subpath alone and looks whether a layer contains what it must not.
// Run after a build: node tools/check-layers.mjs [folder of the workspace]
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { bundleAlone } from './layers/bundle.mjs'
import { appRules, layerRules, reachable } from './layers/rules.mjs'
import { wordsOf } from './layers/words.mjs'
import { fileFor, publicSubpaths, readWorkspace, runtimeDependencies } from './workspace.mjs'

/**
 * @typedef {import('./layers/bundle.mjs').Bundle} Bundle
 * @typedef {import('./layers/rules.mjs').LayerRule} LayerRule
 * @typedef {import('./workspace.mjs').ExportTarget} ExportTarget
 * @typedef {import('./workspace.mjs').Member} Member
 */

/**
 * One line of the report.
 *
 * @typedef {object} Result
 * @property {string} name
 * @property {Bundle} [bundle] absent for the package.json itself, and where bundling failed
 * @property {string[]} findings
 */

/**
 * Judges every published package of a workspace.
 *
 * @param {string} root
 * @param {Readonly<Record<string, LayerRule>>} [rules]
 * @returns {Promise<Result[]>}
 */
export async function checkLayers(root, rules = layerRules) {
  const workspace = readWorkspace(root)
  /** @type {Result[]} */
  const results = []
  for (const member of workspace) {
    const { name } = member.manifest
    const appRule = member.group === 'apps' ? appRules[name] : undefined
    if (appRule !== undefined) {
      results.push({ name: `${name} package.json`, findings: strangersIn(member, appRule) })
    }
    if (member.group !== 'packages' || member.manifest.private === true) continue
    const rule = rules[name]
    if (rule === undefined) {
      results.push({ name, findings: ['has no rule in tools/layers/rules.mjs'] })
      continue
    }
    results.push({
      name: `${name} package.json`,
      findings: manifestFindings(member, rule),
    })
    for (const [subpath, target] of publicSubpaths(member.manifest)) {
      const file = fileFor(target)
      if (file === undefined) continue
      results.push(await checkSubpath(member, subpath, file, rules, workspace))
    }
  }
  return results
}

/**
 * What is wrong with a package.json: arrows that point the wrong way, exports that lead nowhere.
 *
 * @param {Member} member
 * @param {LayerRule} rule
 * @returns {string[]}
 */
export function manifestFindings(member, rule) {
  const { folder, manifest } = member
  const files = filesOf(manifest.exports)
  const missing = files.filter((file) => !existsSync(join(folder, file)))
  return [
    ...strangersIn(member, rule),
    ...(manifest.sideEffects === false ? [] : ['"sideEffects" is not false']),
    ...(files.length > 0 ? [] : ['has no "exports"']),
    ...missing.map((file) => `${file} does not exist (build first)`),
  ]
}

/**
 * Arrows of a package.json that point the wrong way.
 *
 * @param {Member} member
 * @param {LayerRule} rule
 * @returns {string[]}
 */
function strangersIn({ manifest }, { arrows, thirdParty }) {
  return runtimeDependencies(manifest)
    .filter((name) => !arrows.includes(name) && !thirdParty.includes(name))
    .map((name) => `must not depend on ${name}`)
}

/**
 * What is wrong with the bundle of one subpath.
 *
 * @param {Bundle} bundle
 * @param {string} name of the package
 * @param {string} subpath
 * @param {Readonly<Record<string, LayerRule>>} rules
 * @returns {string[]}
 */
export function bundleFindings(bundle, name, subpath, rules) {
  const rule = /** @type {LayerRule} */ (rules[name])
  const isWhole = rule.whole?.includes(subpath) === true
  const welcome = isWhole ? [name] : [name, ...reachable(rule, rules)]
  const strangers = bundle.packages.filter((other) => !welcome.includes(other))
  const outside = isWhole ? [] : rule.outside && (rule.outside[subpath] ?? [])
  const imports = bundle.imports.filter((path) => outside?.includes(path) === false)
  const words = wordsOf(bundle.code)
  const forbidden = rule.forbidden.flatMap(({ what, among, words: pattern }) => {
    const found = among.flatMap((kind) => [...words[kind]]).filter((word) => pattern.test(word))
    return found.length === 0 ? [] : [`${what}: ${[...new Set(found)].sort().join(', ')}`]
  })
  const ownCode = rule.onlyReExports === true && !isWhole && bundle.packages.includes(name)
  return [
    ...strangers.map((other) => `contains modules of ${other}`),
    ...imports.map((path) => `imports ${path}`),
    ...forbidden,
    ...(ownCode ? ['has code of its own; it may only re-export'] : []),
  ]
}

/**
 * @param {Member} member
 * @param {string} subpath
 * @param {string} file
 * @param {Readonly<Record<string, LayerRule>>} rules
 * @param {readonly Member[]} workspace
 * @returns {Promise<Result>}
 */
async function checkSubpath({ folder, manifest }, subpath, file, rules, workspace) {
  const name = manifest.name + subpath.slice(1)
  try {
    const outside = rules[manifest.name]?.outside?.[subpath] ?? []
    const bundle = await bundleAlone(join(folder, file), workspace, outside)
    return { name, bundle, findings: bundleFindings(bundle, manifest.name, subpath, rules) }
  } catch (error) {
    const { message } = /** @type {Error} */ (error)
    return { name, findings: [`cannot be bundled: ${message.replaceAll('\n', ' ')}`] }
  }
}

/**
 * Every file an export may lead to, types included.
 *
 * @param {ExportTarget | undefined} target
 * @returns {string[]}
 */
function filesOf(target) {
  if (typeof target === 'string') return [target]
  return Object.values(target ?? {}).flatMap(filesOf)
}

/**
 * @param {Result} result
 * @returns {string}
 */
function line({ name, bundle, findings }) {
  const size =
    bundle === undefined
      ? ''
      : `${kilobytes(bundle.minifiedBytes)}, ${kilobytes(bundle.gzippedBytes)} gzip`
  return `${name.padEnd(32)} ${size.padEnd(24)} ${findings.join('; ') || 'ok'}`
}

/** @param {number} bytes */
function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1).padStart(5)} kB`
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const results = await checkLayers(argv[2] ?? join(import.meta.dirname, '..'))
  console.log(results.map(line).join('\n'))
  // Nothing to look at means that it looked in the wrong place.
  if (results.length === 0 || results.some(({ findings }) => findings.length > 0))
    process.exitCode = 1
}
