import { minify } from 'terser'
import type { Options } from 'tsup'

type Plugin = NonNullable<Options['plugins']>[number]

/**
 * Those who read find `src` in the package, with source maps to it. Classes keep their names: errors and
 * inspected objects are known by them.
 */
const minified: Plugin = {
  name: 'minified',
  async renderChunk(source, { path }) {
    const reserved = [...source.matchAll(/(\w+) = class\b/g)].map(([, name = '']) => name)
    const options = {
      module: true,
      ecma: 2022,
      // What these would break (`new` of a function expression, its `prototype`) is nowhere in here.
      compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true },
      mangle: { reserved },
    } as const
    // esbuild names chunks once more for their side effects, of which ours have none.
    const plain = mergeImports(source.replace(/^import "\.\/\w+\.js";$/gm, ''))
    const first = await minify({ [path]: plain }, { ...options, sourceMap: true })
    // What the first pass wrote can be written shorter still.
    const sourceMap = { content: first.map as string }
    const { code = '', map } = await minify({ [path]: first.code ?? '' }, { ...options, sourceMap })
    return { code, map: typeof map === 'string' ? map : null }
  },
}

/** `import { … } from "…";` as esbuild writes it. */
const IMPORT = /^import \{([^}]*)\} from ("[^"]+");$/gm

/** One import of each module: esbuild leaves one for every source file. Lines stay, for the source map. */
function mergeImports(source: string): string {
  const names = new Map<string, string[]>()
  for (const [, some = '', from = ''] of source.matchAll(IMPORT)) {
    names.set(from, [...(names.get(from) ?? []), some.trim().replace(/\s+/g, ' ')])
  }
  return source.replace(IMPORT, (statement: string, _: string, from: string) => {
    const all = names.get(from)
    names.delete(from)
    const merged = all === undefined ? '' : `import { ${all.join(', ')} } from ${from};`
    return merged + '\n'.repeat(statement.split('\n').length - 1)
  })
}

/**
 * The build of every published package: ESM with types, one file per public subpath. Every Node from
 * 20.19 on can `require()` it; a second build for CommonJS would double the package, and every class.
 */
export function packageBuild(entry: Record<string, string>): Options {
  return {
    entry,
    format: ['esm'],
    target: 'es2022',
    platform: 'neutral',
    external: [/^node:/],
    dts: true,
    // `node:` says what a name like fs means, to readers and to bundlers.
    removeNodeProtocol: false,
    sourcemap: true,
    // One copy of every class, where several subpaths are loaded side by side.
    splitting: true,
    plugins: [minified],
    // Source maps point to `src`, which is published beside them: no text twice.
    esbuildOptions: (options) => {
      options.sourcesContent = false
      options.chunkNames = '[hash]'
      options.minifySyntax = true
    },
    clean: true,
  }
}

/**
 * The build of an app: ESM for Node, run from `dist/main.js`. The private packages that apps share are
 * bundled into it.
 */
export function appBuild(
  entry: Record<string, string>,
  types: Record<string, string> = {},
): Options {
  return {
    entry,
    format: ['esm'],
    target: 'node20',
    platform: 'node',
    noExternal: [/^@nomyo-internal\//],
    dts: Object.keys(types).length > 0 ? { entry: types } : false,
    removeNodeProtocol: false,
    sourcemap: true,
    clean: true,
  }
}
