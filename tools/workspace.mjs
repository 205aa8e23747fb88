import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The fields of a package.json the checks look at.
 *
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} [version]
 * @property {boolean} [private]
 * @property {unknown} [repository]
 * @property {unknown} [publishConfig]
 * @property {boolean | string[]} [sideEffects]
 * @property {ExportTarget} [exports]
 * @property {Record<string, ExportTarget>} [imports]
 * @property {string | Record<string, string>} [bin]
 * @property {Record<string, string>} [engines]
 * @property {Record<string, string>} [scripts]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [devDependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, string>} [optionalDependencies]
 */

/**
 * @typedef {string | null | { [condition: string]: ExportTarget }} ExportTarget
 */

/**
 * One member of the workspace.
 *
 * @typedef {object} Member
 * @property {'packages' | 'apps'} group
 * @property {string} folder
 * @property {Manifest} manifest
 */

/**
 * Every member of the workspace below `root`.
 *
 * @param {string} root
 * @returns {{ folder: string, manifest: Manifest }[]}
 */
export function readMembers(root) {
  const groups = ['packages', 'internal', 'apps', 'tests'].flatMap((group) =>
    foldersIn(join(root, group)),
  )
  return [...groups, join(root, 'bench'), join(root, 'tools')]
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => ({ folder, manifest: readManifest(folder) }))
}

/**
 * Every package and app below `root`, by name.
 *
 * @param {string} root
 * @returns {Member[]}
 */
export function readWorkspace(root) {
  return /** @type {const} */ (['packages', 'apps']).flatMap((group) =>
    foldersIn(join(root, group))
      .filter((folder) => existsSync(join(folder, 'package.json')))
      .map((folder) => ({ group, folder, manifest: readManifest(folder) })),
  )
}

/**
 * Those that are published.
 *
 * @param {string} root
 * @returns {Member[]}
 */
export function readPublished(root) {
  return readWorkspace(root).filter(({ manifest }) => manifest.private !== true)
}

/**
 * @param {string} folder
 * @returns {Manifest}
 */
export function readManifest(folder) {
  return /** @type {Manifest} */ (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')))
}

/**
 * What a consumer gets installed beside a package.
 *
 * @param {Manifest} manifest
 * @returns {string[]}
 */
export function runtimeDependencies(manifest) {
  const { dependencies, peerDependencies, optionalDependencies } = manifest
  return Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies })
}

/**
 * The subpaths a consumer may import, with what each leads to.
 *
 * @param {Manifest} manifest
 * @returns {[subpath: string, target: ExportTarget][]}
 */
export function publicSubpaths({ exports }) {
  if (exports === undefined) return []
  const isMap =
    typeof exports === 'object' &&
    exports !== null &&
    Object.keys(exports).some((key) => key.startsWith('.'))
  const subpaths = Object.entries(isMap ? exports : { '.': exports })
  return subpaths.filter(([subpath]) => subpath !== './package.json')
}

/**
 * The file an `import` of a subpath leads to.
 *
 * @param {ExportTarget | undefined} target
 * @returns {string | undefined}
 */
export function fileFor(target) {
  if (typeof target !== 'object' || target === null) return target ?? undefined
  return fileFor(target['import'] ?? target['default'])
}

/**
 * The types an `import` of a subpath has.
 *
 * @param {ExportTarget | undefined} target
 * @returns {string | undefined}
 */
export function typesFor(target) {
  if (typeof target !== 'object' || target === null) return undefined
  const types = target['types']
  return typeof types === 'string' ? types : typesFor(target['import'])
}

/**
 * The name in a bare import: `@scope/name` of `@scope/name/subpath`.
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

/**
 * @param {string} folder
 * @returns {string[]}
 */
function foldersIn(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name))
    .sort()
}
