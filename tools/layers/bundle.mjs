import { builtinModules } from 'node:module'
import { resolve, sep } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { packageNameOf } from '../workspace.mjs'

/**
 * One public subpath with everything it pulls in.
 *
 * @typedef {object} Bundle
 * @property {string} code white space and comments removed, names kept
 * @property {string[]} packages whose modules are inside, by name
 * @property {string[]} imports what stays outside; modules of Node as `node:name`
 * @property {number} minifiedBytes
 * @property {number} gzippedBytes
 */

/**
 * Bundles a built file alone, its dependencies inside.
 *
 * @param {string} file
 * @param {readonly import('../workspace.mjs').Member[]} workspace
 * @param {readonly string[]} [outside] what is not bundled, beside the modules of Node
 * @returns {Promise<Bundle>}
 */
export async function bundleAlone(file, workspace, outside = []) {
  const readable = await bundle(file, outside, { minifyWhitespace: true, minifySyntax: true })
  const minified = await bundle(file, outside, { minify: true })
  const [output] = Object.values(readable.metafile.outputs)
  const inputs = Object.entries(output?.inputs ?? {}).filter(
    ([, { bytesInOutput }]) => bytesInOutput > 0,
  )
  return {
    code: new TextDecoder().decode(contentsOf(readable)),
    packages: unique(inputs.map(([path]) => ownerOf(path, workspace))),
    imports: unique((output?.imports ?? []).map(({ path }) => withProtocol(path))),
    minifiedBytes: contentsOf(minified).length,
    gzippedBytes: gzipSync(contentsOf(minified)).length,
  }
}

/**
 * @param {string} file
 * @param {readonly string[]} outside
 * @param {import('esbuild').BuildOptions} options
 */
function bundle(file, outside, options) {
  return build({
    ...options,
    entryPoints: [file],
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    external: ['node:*', ...builtinModules, ...outside],
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
}

/** @param {import('esbuild').BuildResult<{ write: false }>} result */
function contentsOf(result) {
  return result.outputFiles[0]?.contents ?? new Uint8Array()
}

/**
 * The package a bundled module belongs to.
 *
 * @param {string} path
 * @param {readonly import('../workspace.mjs').Member[]} workspace
 * @returns {string}
 */
function ownerOf(path, workspace) {
  const installed = path.lastIndexOf('node_modules/')
  if (installed !== -1) return packageNameOf(path.slice(installed + 'node_modules/'.length))
  const folder = resolve(path)
  const member = workspace.find((candidate) => folder.startsWith(candidate.folder + sep))
  return member?.manifest.name ?? path
}

/**
 * A build may drop the protocol; both spellings are the same module.
 *
 * @param {string} path
 */
function withProtocol(path) {
  return builtinModules.includes(path) ? `node:${path}` : path
}

/**
 * @param {string[]} values
 * @returns {string[]}
 */
function unique(values) {
  return [...new Set(values)].sort()
}
