// Packs every published package and app the way it is published and judges the tarball.
// Run after a build, with pnpm on the path: pnpm run packages
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { packAll } from './packages/pack.mjs'
import { publicSubpaths } from './workspace.mjs'

/**
 * @typedef {import('./workspace.mjs').Manifest} Manifest
 */

/** Nothing else belongs into a tarball: no tests, no configuration, no leftovers. */
const PUBLISHED =
  /^(?:(?:dist|src|examples)\/.+|bin\/[\w-]+\.c?js|README\.md|LICENSE|CHANGELOG\.md|package\.json)$/
/** npm runs these on the machine of whoever installs the package. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare']

/**
 * Everything wrong with a packed package.
 *
 * @param {string} tarball
 * @param {Manifest} manifest
 * @returns {Promise<string[]>}
 */
export async function checkTarball(tarball, manifest) {
  const [list, fromPublint, ...fromAttw] = await Promise.all([
    run('tar', ['-tzf', tarball], '.'),
    publintFindings(tarball),
    ...attwProfiles(manifest).map(({ profile, subpaths }) =>
      attwFindings(tarball, profile, subpaths),
    ),
  ])
  const paths = list.output.split('\n').map((path) => path.replace(/^package\//, ''))
  return [...scriptFindings(manifest), ...fileFindings(paths), ...fromPublint, ...fromAttw.flat()]
}

/**
 * @param {Manifest} manifest
 * @returns {string[]}
 */
export function scriptFindings({ scripts = {} }) {
  return INSTALL_SCRIPTS.filter((name) => name in scripts).map((name) => `has a script "${name}"`)
}

/**
 * What is in a tarball and should not be, and the other way round.
 *
 * @param {readonly string[]} paths
 * @returns {string[]}
 */
export function fileFindings(paths) {
  const needed = ['README.md', 'LICENSE', 'package.json']
  return [
    ...needed.filter((path) => !paths.includes(path)).map((path) => `${path} is missing`),
    ...(paths.some((path) => path.startsWith('dist/')) ? [] : ['dist is missing (build first)']),
    ...paths.filter((path) => !PUBLISHED.test(path)).map((path) => `publishes ${path}`),
  ]
}

/**
 * How much of module resolution the subpaths of a package promise; nothing for one that only has a
 * command.
 *
 * @param {Manifest} manifest
 * @returns {{ profile: 'node16' | 'esm-only', subpaths: string[] }[]}
 */
export function attwProfiles(manifest) {
  /** @type {{ profile: 'node16' | 'esm-only', subpaths: string[] }[]} */
  const profiles = [
    { profile: 'node16', subpaths: [] },
    { profile: 'esm-only', subpaths: [] },
  ]
  for (const [subpath, target] of publicSubpaths(manifest)) {
    const forBoth = JSON.stringify(target).includes('"require"')
    profiles[forBoth ? 0 : 1]?.subpaths.push(subpath)
  }
  return profiles.filter(({ subpaths }) => subpaths.length > 0)
}

/**
 * @param {string} tarball
 * @returns {Promise<string[]>}
 */
async function publintFindings(tarball) {
  const bytes = new Uint8Array(await readFile(tarball))
  const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true })
  return messages.map(
    (message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`,
  )
}

/**
 * @param {string} tarball
 * @param {'node16' | 'esm-only'} profile
 * @param {readonly string[]} subpaths
 * @returns {Promise<string[]>}
 */
async function attwFindings(tarball, profile, subpaths) {
  const attw = join(import.meta.dirname, '../node_modules/@arethetypeswrong/cli/dist/index.js')
  const options = ['--profile', profile, '--no-definitely-typed', '--no-emoji', '--format', 'ascii']
  const { failed, output } = await run(
    process.execPath,
    [attw, tarball, ...options, '--entrypoints', ...subpaths],
    '.',
  )
  const lines = output.split('\n').filter((text) => /^[^*]*\w/.test(text))
  return failed ? [`attw: ${lines.join('\n')}`] : []
}

/**
 * @param {string} command
 * @param {readonly string[]} parameters
 * @param {string} folder
 * @returns {Promise<{ failed: boolean, output: string }>}
 */
function run(command, parameters, folder) {
  return new Promise((resolve) => {
    execFile(command, parameters, { cwd: folder }, (error, stdout, stderr) => {
      const output = error === null ? stdout : stdout + stderr || error.message
      resolve({ failed: error !== null, output: output.trim() })
    })
  })
}

/**
 * @param {string} root
 * @returns {Promise<{ name: string, findings: string[] }[]>}
 */
async function checkPackages(root) {
  const folder = await mkdtemp(join(tmpdir(), 'nomyo-packages-'))
  try {
    const packed = await packAll(root, folder)
    return await Promise.all(
      packed.map(async ({ member: { manifest }, tarball }) => ({
        name: manifest.name,
        findings: await checkTarball(tarball, manifest),
      })),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** @param {{ name: string, findings: string[] }} result */
function report({ name, findings }) {
  if (findings.length === 0) return `${name.padEnd(20)} ok`
  return [name, ...findings.map((finding) => `  ${finding.replaceAll('\n', '\n    ')}`)].join('\n')
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const results = await checkPackages(join(import.meta.dirname, '..'))
  console.log(results.map(report).join('\n'))
  // Nothing to look at means that it looked in the wrong place.
  if (results.length === 0 || results.some(({ findings }) => findings.length > 0))
    process.exitCode = 1
}
