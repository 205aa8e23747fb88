import type { Options } from 'tsup'

/** The build of every published package: ESM and CJS with types, one file per public subpath. */
export function packageBuild(entry: Record<string, string>): Options {
  return {
    entry,
    format: ['esm', 'cjs'],
    target: 'es2022',
    platform: 'neutral',
    external: [/^node:/],
    dts: true,
    // `node:` says what a name like fs means, to readers and to bundlers.
    removeNodeProtocol: false,
    sourcemap: true,
    treeshake: true,
    // One copy of every class also in CJS, where several subpaths are loaded side by side.
    splitting: true,
    clean: true,
  }
}

/** The build of an app: ESM for Node, run from `dist/main.js`. */
export function appBuild(
  entry: Record<string, string>,
  types: Record<string, string> = {},
): Options {
  return {
    entry,
    format: ['esm'],
    target: 'node20',
    platform: 'node',
    dts: Object.keys(types).length > 0 ? { entry: types } : false,
    removeNodeProtocol: false,
    sourcemap: true,
    clean: true,
  }
}
