import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The fields of a package.json that the checks read.
 *
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} [version]
 * @property {boolean} [private]
 * @property {{ url: string }} [repository]
 * @property {boolean | string[]} [sideEffects]
 * @property {string[]} [files]
 * @property {Record<string, string | { types: string, default: string }>} [exports]
 * @property {Record<string, Record<string, { types: string, default: string }>>} [imports]
 * @property {string | Record<string, string>} [bin]
 * @property {Record<string, string>} [engines]
 * @property {Record<string, string>} [publishConfig]
 * @property {Record<string, string>} [scripts]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, string>} [optionalDependencies]
 */

/**
 * One member of the workspace.
 *
 * @typedef {object} Member
 * @property {string} group
 * @property {string} folder
 * @property {Manifest} manifest
 */

/**
 * Reads every member of the workspace below `root`.
 *
 * @param {string} root
 * @returns {Member[]}
 */
export function readMembers(root) {
  const inGroups = ['packages', 'internal', 'apps', 'tests'].flatMap((group) => {
    const path = join(root, group)
    const names = existsSync(path) ? readdirSync(path).sort() : []
    return names.map((name) => ({ group, folder: join(path, name) }))
  })
  const alone = ['bench', 'tools'].map((group) => ({ group, folder: join(root, group) }))
  return [...inGroups, ...alone]
    .filter(({ folder }) => existsSync(join(folder, 'package.json')))
    .map((member) => ({ ...member, manifest: readManifest(member.folder) }))
}

/**
 * Reads the members that are published.
 *
 * @param {string} root
 * @returns {Member[]}
 */
export function readPublished(root) {
  return readMembers(root).filter(({ manifest }) => manifest.private !== true)
}

/**
 * Reads the package.json of a folder.
 *
 * @param {string} folder
 * @returns {Manifest}
 */
export function readManifest(folder) {
  return /** @type {Manifest} */ (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')))
}

/**
 * Names the packages that are installed with a package.
 *
 * @param {Manifest} manifest
 * @returns {string[]}
 */
export function runtimeDependencies({ dependencies, peerDependencies, optionalDependencies }) {
  return Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies })
}

/**
 * Lists the subpaths a consumer may import, with the file and the types of each.
 *
 * @param {Manifest} manifest
 * @returns {[subpath: string, file: string, types: string | undefined][]}
 */
export function publicSubpaths({ exports = {} }) {
  return Object.entries(exports)
    .filter(([subpath]) => subpath !== './package.json')
    .map(([subpath, target]) =>
      typeof target === 'string'
        ? [subpath, target, undefined]
        : [subpath, target.default, target.types],
    )
}

/**
 * Takes the package name from a bare import: `@scope/name` of `@scope/name/subpath`.
 *
 * @param {string} specifier
 * @returns {string}
 */
export function packageNameOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
