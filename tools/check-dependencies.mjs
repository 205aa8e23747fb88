// Holds the list of runtime dependencies in SECURITY.md to what packages and apps depend on, and all that
// is installed with them to licences that may be passed on.
// Run with pnpm on the path: node tools/check-dependencies.mjs
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { readPublished, runtimeDependencies } from './workspace.mjs'

const LICENCES = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
]

/**
 * Where the list of SECURITY.md and the manifests differ.
 *
 * @param {string} security the text of SECURITY.md
 * @param {readonly import('./workspace.mjs').Manifest[]} manifests
 * @returns {string[]}
 */
export function listFindings(security, manifests) {
  const ours = manifests.map(({ name }) => name)
  const used = manifests.flatMap((manifest) =>
    runtimeDependencies(manifest)
      .filter((dependency) => !ours.includes(dependency))
      .map((dependency) => `${dependency} of ${manifest.name.replace('@nomyo/', '')}`),
  )
  const [, list = ''] = /^## Runtime dependencies$(.*?)(?=^## |(?![^]))/ms.exec(security) ?? []
  const listed = [...list.matchAll(/^\| (`.*?) +\| (.*?) +\| \S/gm)].flatMap(
    ([, names = '', of = '']) =>
      [...names.matchAll(/`(.*?)`/g)].flatMap(([, name]) =>
        of.split(', ').map((owner) => `${name} of ${owner.replace(/ \(.*\)/, '')}`),
      ),
  )
  return [
    ...used.filter((use) => !listed.includes(use)).map((use) => `SECURITY.md does not list ${use}`),
    ...listed
      .filter((use) => !used.includes(use))
      .map((use) => `SECURITY.md lists ${use}, which is not so`),
  ]
}

/**
 * What is installed under a licence that is not on the list. An expression is fine when one of its
 * alternatives is.
 *
 * @param {Readonly<Record<string, readonly { name: string }[]>>} byLicence as `pnpm licenses list --json`
 * @returns {string[]}
 */
export function licenceFindings(byLicence) {
  return Object.entries(byLicence)
    .filter(
      ([licence]) =>
        !licence
          .replace(/[()]/g, '')
          .split(' OR ')
          .some((one) => LICENCES.includes(one)),
    )
    .flatMap(([licence, packages]) =>
      packages.map(({ name }) => `${name} has the licence ${licence}`),
    )
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const root = join(import.meta.dirname, '..')
  const manifests = readPublished(root).map(({ manifest }) => manifest)
  const options = { cwd: root, encoding: /** @type {const} */ ('utf8') }
  const installed = /** @type {Record<string, { name: string }[]>} */ (
    JSON.parse(execFileSync('pnpm', ['licenses', 'list', '--prod', '--json'], options))
  )
  const findings = [
    ...listFindings(readFileSync(join(root, 'SECURITY.md'), 'utf8'), manifests),
    ...licenceFindings(installed),
  ]
  const count = Object.values(installed).flat().length
  console.log(
    [...findings, `${count} installed packages, ${manifests.length} manifests`].join('\n'),
  )
  // Nothing to look at means that it looked in the wrong place.
  if (count === 0 || manifests.length === 0 || findings.length > 0) process.exitCode = 1
}
