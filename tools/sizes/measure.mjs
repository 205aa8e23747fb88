import { readFileSync, readdirSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/**
 * What a subpath weighs in a bundle, in bytes after gzip -9.
 *
 * @typedef {object} Size
 * @property {number} initial what is loaded at once
 * @property {number} onDemand what is loaded when it is first needed
 */

/**
 * Bundles a built file for a page, its dependencies inside; modules of Node stay outside.
 *
 * @param {string} file
 * @param {readonly string[]} [outside] what else is not bundled
 * @returns {Promise<Size>}
 */
export async function gzippedSize(file, outside = []) {
  const { outputFiles, metafile } = await build({
    entryPoints: [file],
    absWorkingDir: '/',
    outdir: '/bundle',
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: ['node:*', ...builtinModules, ...outside],
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  const entry = Object.keys(metafile.outputs).find(
    (path) => metafile.outputs[path]?.entryPoint === file.slice(1),
  )
  const atOnce = staticImports(metafile.outputs, /** @type {string} */ (entry))
  const size = { initial: 0, onDemand: 0 }
  for (const { path, contents } of outputFiles) {
    size[atOnce.has(path.slice(1)) ? 'initial' : 'onDemand'] += gzipSync(contents, {
      level: 9,
    }).length
  }
  return size
}

/**
 * The JavaScript of a built package as it is installed, in bytes, without maps and types.
 *
 * @param {string} folder of the package
 * @returns {number}
 */
export function unpackedSize(folder) {
  const dist = join(folder, 'dist')
  return readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[cm]?js$/.test(name))
    .reduce((sum, name) => sum + readFileSync(join(dist, name)).length, 0)
}

/**
 * A file of a bundle and all it imports by `import … from`.
 *
 * @param {import('esbuild').Metafile['outputs']} outputs
 * @param {string} path
 * @param {Set<string>} [seen]
 * @returns {Set<string>}
 */
function staticImports(outputs, path, seen = new Set()) {
  if (seen.has(path)) return seen
  seen.add(path)
  for (const { path: other, kind, external } of outputs[path]?.imports ?? []) {
    if (kind === 'import-statement' && external !== true) staticImports(outputs, other, seen)
  }
  return seen
}
