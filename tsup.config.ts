// The build of every member of the workspace; each runs `tsup --config ../../tsup.config.ts` in its folder.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { cwd, env } from 'node:process'
import { minify } from 'terser'
import { defineConfig, type Options } from 'tsup'
import ts from 'typescript'

interface Manifest {
  name: string
  version: string
  license: string
  exports?: Record<string, Target | string>
  imports?: Record<string, Record<string, Target>>
}

interface Target {
  types: string
  default: string
}

type Plugin = NonNullable<Options['plugins']>[number]
type EsbuildPlugin = NonNullable<Options['esbuildPlugins']>[number]

/** `NOMYO_BUILD=quick` omits types and minification, as the demo needs neither; types that exist are kept up to date. */
const isQuick = env['NOMYO_BUILD'] === 'quick' && !existsSync('dist/index.d.ts')

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest

/**
 * The build of a published package: ESM with types, one file per public subpath. Every Node from 20.19
 * on can `require()` it; a second build for CommonJS would double the package, and every class.
 */
function packageBuild(): Options[] {
  const targets = [...exported(manifest), ...platforms(manifest)]
  const forPages = targets.filter((target) => target.default.startsWith('./dist/browser/'))
  const entry = entriesFor(targets.filter((target) => !forPages.includes(target)))
  const modules: Options = {
    entry,
    format: ['esm'],
    target: 'es2022',
    platform: 'neutral',
    external: [/^node:/, ...Object.keys(manifest.imports ?? {})],
    // `node:fs` instead of `fs` tells readers and bundlers that the module is Node's.
    removeNodeProtocol: false,
    sourcemap: true,
    // One copy of every class when several subpaths are loaded side by side.
    splitting: true,
    plugins: isQuick ? [] : [minifier, relativeSources],
    // Source maps point to `src`, which is published beside them: no text twice.
    esbuildOptions: (options) => {
      options.sourcesContent = false
      options.chunkNames = '[hash]'
      options.minifySyntax = true
    },
    onSuccess: () => emitDeclarations(Object.values(entry)),
  }
  return forPages.length === 0 ? [modules] : [modules, pageBuild(entriesFor(forPages))]
}

/** One file with everything inside, for pages without a bundler. */
function pageBuild(entry: Record<string, string>): Options {
  return {
    entry,
    format: ['esm'],
    target: 'es2022',
    platform: 'browser',
    noExternal: [/./],
    splitting: false,
    minify: true,
    banner: { js: `/*! ${manifest.name} ${manifest.version}, ${manifest.license} */` },
    // That some modules go unused is what "sideEffects" is for.
    esbuildOptions: (options) => {
      options.logOverride = { 'ignored-bare-import': 'silent' }
    },
  }
}

/**
 * The build of an app: ESM for Node, run from `dist/main.js`. The private packages that apps share are
 * bundled into it.
 */
function appBuild(): Options[] {
  const library = entriesFor(exported(manifest))
  return [
    {
      entry: { main: 'src/main.ts', ...library },
      format: ['esm'],
      target: 'node20',
      platform: 'node',
      noExternal: [/^@nomyo-internal\//],
      removeNodeProtocol: false,
      sourcemap: true,
      onSuccess: () => emitDeclarations(Object.values(library)),
    },
  ]
}

const OTHER_BUILDS: Record<string, Options> = {
  // The page loads one script and nothing else, and its policy allows nothing else.
  web: {
    entry: { app: 'src/app.ts' },
    format: ['esm'],
    target: 'es2022',
    platform: 'browser',
    noExternal: [/.*/],
    splitting: false,
    minify: true,
    publicDir: 'src/page',
  },
  bench: {
    entry: {
      main: 'src/main.ts',
      // Each runs in a process or thread of its own.
      'section-child': 'src/harness/section-child.ts',
      'rsa-worker': 'src/gateway/rsa-worker.ts',
      'kem-worker': 'src/gateway/kem-worker.ts',
      'plain-server': 'src/call/plain-server.ts',
      'model-server': 'src/stream/model-server.ts',
      relay: 'src/call/relay.ts',
      'cold-child': 'src/cold/cold-child.ts',
      'memory-child': 'src/memory/memory-child.ts',
    },
    format: 'esm',
    target: 'es2022',
    platform: 'node',
    removeNodeProtocol: false,
    noExternal: [/^@nomyo-internal\//],
  },
  conformance: {
    entry: {
      // Each imports the packages by name: the runtime, or its bundler, resolves them.
      process: 'src/adapters/process.ts',
      page: 'src/adapters/page.ts',
      worker: 'src/adapters/worker.ts',
    },
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    splitting: false,
    external: [/^node:/, /^@nomyo\//],
    noExternal: [/^@nomyo-internal\//],
    removeNodeProtocol: false,
  },
}

/** Public subpaths. */
function exported({ exports = {} }: Manifest): Target[] {
  return Object.values(exports).filter((target) => typeof target !== 'string')
}

/** Files that `imports` chooses from by runtime. */
function platforms({ imports = {} }: Manifest): Target[] {
  return Object.values(imports).flatMap((conditions) => Object.values(conditions))
}

/** Entries as tsup takes them: the types of a target lie as its source does, `src` replaced by `dist`. */
function entriesFor(targets: readonly Target[]): Record<string, string> {
  return Object.fromEntries(
    targets.map(({ types, default: built }) => [
      built.replace(/^\.\/dist\/|\.js$/g, ''),
      types.replace(/^\.\/(?:dist|src)\//, 'src/').replace(/(?:\.d)?\.ts$/, '.ts'),
    ]),
  )
}

/**
 * Writes the types of entries, and of the files that these import, beside the code. They are not
 * checked: that is for `pnpm types`.
 */
function emitDeclarations(entries: readonly string[]): Promise<void> {
  if (isQuick) return Promise.resolve()
  const read = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path))
  const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, cwd(), {
    noEmit: false,
    noCheck: true,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: 'src',
    outDir: 'dist',
  })
  const emitted = new Map<string, string>()
  const program = ts.createProgram([...entries], options)
  program.emit(undefined, (path, text) => emitted.set(path, text))
  const written = new Set<string>()
  const write = (path: string): void => {
    const text = emitted.get(path)
    if (text === undefined) throw new Error(`${path}: the compiler emitted no types`)
    if (written.has(path)) return
    written.add(path)
    ts.sys.writeFile(path, text)
    for (const { fileName } of ts.preProcessFile(text).importedFiles) {
      if (fileName.startsWith('.')) write(join(dirname(path), fileName.replace(/\.js$/, '.d.ts')))
      else if (fileName.startsWith('@nomyo-internal/'))
        throw new Error(`${path}: public types must not import ${fileName}, which is not published`)
    }
  }
  for (const entry of entries) write(entry.replace(/^src/, 'dist').replace(/ts$/, 'd.ts'))
  return Promise.resolve()
}

/**
 * Lists the generator functions, which must not move to their only call: they would be created by each call, each
 * with a prototype and a hidden class of its own, which stay in memory until the next major garbage collection.
 */
const generatorsIn = (code: string): string[] =>
  [...code.matchAll(/function ?\*\s*([\w$]+)/g)].map(([, name = '']) => name)

/**
 * Minifies the code; readers find `src` in the package, with source maps to it. Classes keep their names:
 * errors and inspected objects show them.
 */
const minifier: Plugin = {
  name: 'minifier',
  async renderChunk(source, { path, entryPoint }) {
    const reserved = [...source.matchAll(/(\w+) = class\b/g)].map(([, name = '']) => name)
    const optionsFor = (code: string) =>
      ({
        module: true,
        ecma: 2022,
        // The unsafe ones break `new` of a function expression and its `prototype`, which no source uses.
        compress: {
          passes: 3,
          unsafe_arrows: true,
          unsafe_methods: true,
          top_retain: generatorsIn(code),
        },
        mangle: { reserved },
      }) as const
    // esbuild imports chunks once more for their side effects; ours have none.
    const own = mergeImports(source.replace(/^import "\.\/\w+\.js";$/gm, ''))
    const plain = shortenNames(own, CHUNK.test(path) && entryPoint === undefined)
    const first = await minify({ [path]: plain }, { ...optionsFor(plain), sourceMap: true })
    // A second run shortens the output of the first.
    const shorter = first.code ?? ''
    const sourceMap = { content: first.map as string }
    const { code = '', map } = await minify(
      { [path]: shorter },
      { ...optionsFor(shorter), sourceMap },
    )
    return { code, map: typeof map === 'string' ? map : null }
  },
}

/**
 * Replaces the path of a chunk in its source map, which stands for code without a source, by its own name:
 * a build contains nothing of the machine that made it.
 */
const relativeSources: Plugin = {
  name: 'relative-sources',
  renderChunk(_, { path, map }) {
    if (typeof map !== 'object' || map === null) return
    map.sources = map.sources.map((source) => (source === path ? basename(path) : source))
  },
}

/** Puts the licences of third parties beside the code of theirs that a build contains, as most of them require. */
const licences: EsbuildPlugin = {
  name: 'licences',
  setup: (build) => {
    build.onEnd(({ metafile }) => {
      const inputs = Object.values(metafile?.outputs ?? {}).flatMap((output) =>
        Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0),
      )
      const folders = inputs.flatMap(
        ([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [],
      )
      const texts = [...new Set(folders)].sort().map(licenceOf)
      if (texts.length === 0) return
      mkdirSync('dist', { recursive: true })
      writeFileSync('dist/third-party-notices.txt', texts.join('\n\n'))
    })
  },
}

function licenceOf(folder: string): string {
  const { name, version } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as Manifest
  const file = readdirSync(folder).find((entry) => /^(?:licen[cs]e|copying)/i.test(entry))
  if (file === undefined)
    throw new Error(`${name}: a bundled package needs a file with its licence`)
  return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
}

/** `import { … } from "…";` as esbuild writes it. */
const IMPORT = /^import \{([^}]*)\} from ("[^"]+");$/gm

/** Merges the imports of each module, of which esbuild leaves one per source file. Lines stay, for the source map. */
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

/** Names of chunks, as `chunkNames` gives them. No user imports one. */
const CHUNK = /\b[A-Z0-9]{8}\.js$/

/** `export { … };` as esbuild writes it. */
const EXPORT = /^export \{([^}]*)\};$/gm

/**
 * Shortens the names that chunks export to each other, which esbuild leaves long; each file alone, by a
 * hash. `import()` finds exports by their own names: chunks that are entry points of it keep them.
 */
function shortenNames(source: string, isChunk: boolean): string {
  const shorten = (statement: string, names: string, place: 0 | 1): string => {
    const shortened = names.split(',').map((name) => {
      const pair = name.trim().split(' as ')
      const both = [pair[0] ?? '', pair[1] ?? pair[0] ?? '']
      both[place] = shortName(both[place] ?? '')
      return both.join(' as ')
    })
    return statement.replace(names, shortened.join(', '))
  }
  const imported = source.replace(IMPORT, (statement: string, names: string, from: string) =>
    CHUNK.test(from.slice(1, -1)) ? shorten(statement, names, 0) : statement,
  )
  if (!isChunk) return imported
  return imported.replace(EXPORT, (statement: string, names: string) =>
    shorten(statement, names, 1),
  )
}

/** Four letters. Two names of one chunk that share them would give a module that does not load. */
function shortName(name: string): string {
  const bytes = createHash('sha256').update(name).digest().subarray(0, 4)
  return [...bytes].map((byte) => 'abcdefghijklmnopqrstuvwxyzABCDEF'[byte % 32]).join('')
}

export default defineConfig(() => {
  const other = OTHER_BUILDS[basename(cwd())]
  // tsup cleans once per build, and several builds of one package run at once.
  rmSync('dist', { recursive: true, force: true })
  const builds =
    other !== undefined ? [other] : existsSync('src/main.ts') ? appBuild() : packageBuild()
  return builds.map((build) => ({ ...build, silent: true, esbuildPlugins: [licences] }))
})
