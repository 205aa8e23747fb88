import { gzipSync } from 'node:zlib'
import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild'
import type { RunContext } from './harness/run-context.js'

/** Bundled code by name. */
const ENTRIES = {
  '@nomyo/client': "export * from '@nomyo/client'",
  '@nomyo/crypto': "export * from '@nomyo/crypto'",
  '@nomyo/crypto/wire-2, a client of it':
    "export { createBhttpReader, createVouch, encodeRequestParts, loadHybridKem, parseKeyStatement, sealRequest } from '@nomyo/crypto/wire-2'",
  '@nomyo/attest': "export * from '@nomyo/attest'",
  '@nomyo/transport': "export * from '@nomyo/transport'",
  jose: "export * from 'jose'",
  'jose, one JWE form': "export { CompactEncrypt, compactDecrypt } from 'jose'",
  '@hpke/core': "export * from '@hpke/core'",
  '@hpke/core, one suite':
    "export { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'",
  openai: "export { default } from 'openai'",
}

/** Bundles packages as a web page does: one file, minified and gzipped, without the code loaded on demand. */
export async function measureBundles({ progress }: RunContext) {
  progress('bundle sizes')
  const rows = []
  for (const [name, code] of Object.entries(ENTRIES)) {
    rows.push({ name, ...(await sizesOf(code, import.meta.dirname)) })
  }
  rows.push(await sizesWithWire2())
  return rows
}

/** The client with the code that it loads to speak wire 2; on demand, ML-KEM where the browser has none. */
async function sizesWithWire2() {
  const code = ENTRIES['@nomyo/client']
  const isOfWire2 = await wire2Modules(code)
  const initialBytes = await bundleBytes(code, import.meta.dirname, [
    withoutOnDemand((path) => isOfWire2.client.has(path)),
  ])
  const withFallback = await bundleBytes(code, import.meta.dirname, [
    withoutOnDemand((path) => isOfWire2.client.has(path) || isOfWire2.fallback.has(path)),
  ])
  return {
    name: '@nomyo/client with wire 2',
    initialBytes,
    onDemandBytes: withFallback - initialBytes,
  }
}

/** Finds the modules behind `import()`: of the client for wire 2, and the way from there to ML-KEM in JavaScript. */
async function wire2Modules(code: string) {
  const { metafile } = await build({
    ...options(code, import.meta.dirname),
    splitting: true,
    outdir: '/out',
    absWorkingDir: '/',
    metafile: true,
  })
  const modules = (isWanted: (path: string) => boolean): Set<string> =>
    new Set(
      Object.entries(metafile.outputs).flatMap(([path, { entryPoint = '' }]) =>
        entryPoint !== '<stdin>' && isWanted(path) ? [`/${entryPoint}`] : [],
      ),
    )
  return {
    client: modules((path) => metafile.outputs[path]?.exports.includes('WireSelection') === true),
    fallback: modules((path) => leadsTo(metafile, path, '/post-quantum/ml-kem.js')),
  }
}

type Reach = (metafile: Metafile, path: string, suffix: string) => boolean

/** Returns whether an output and its static imports have a module. */
const holds: Reach = ({ outputs }, path, suffix) => {
  const found = new Set([path])
  // A set is iterated together with what is added meanwhile.
  for (const one of found) {
    for (const { path: imported, kind } of outputs[one]?.imports ?? []) {
      if (kind === 'import-statement') found.add(imported)
    }
  }
  return [...found].some((one) =>
    Object.keys(outputs[one]?.inputs ?? {}).some((input) => input.endsWith(suffix)),
  )
}

/** The same, or an `import()` of such an output. */
const leadsTo: Reach = (metafile, path, suffix) =>
  holds(metafile, path, suffix) ||
  (metafile.outputs[path]?.imports ?? []).some(
    (one) => one.kind === 'dynamic-import' && holds(metafile, one.path, suffix),
  )

/**
 * Returns the bytes of the code that runs before the first line of a page, as the limits of
 * `.size-limit.mjs` count them, and of the code loaded on demand.
 */
async function sizesOf(code: string, resolveDir: string) {
  const initialBytes = await bundleBytes(code, resolveDir, [withoutOnDemand(() => false)])
  return { initialBytes, onDemandBytes: (await bundleBytes(code, resolveDir, [])) - initialBytes }
}

async function bundleBytes(code: string, resolveDir: string, plugins: Plugin[]): Promise<number> {
  const { outputFiles } = await build({ ...options(code, resolveDir), plugins })
  const [file] = outputFiles
  return gzipSync(file?.contents ?? '', { level: 9 }).length
}

const options = (contents: string, resolveDir: string) =>
  ({
    stdin: { contents, resolveDir },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none',
    write: false,
    logLevel: 'silent',
  }) satisfies BuildOptions

/** Leaves what `import()` loads out of a bundle, but for some modules. */
const withoutOnDemand = (isKept: (path: string) => boolean): Plugin => ({
  name: 'on-demand',
  setup: (building) => {
    building.onResolve({ filter: /.*/ }, async ({ kind, path, resolveDir, pluginData }) => {
      if (kind !== 'dynamic-import' || pluginData === RESOLVING) return undefined
      const resolved = await building.resolve(path, { kind, resolveDir, pluginData: RESOLVING })
      return isKept(resolved.path) ? resolved : { external: true, path }
    })
  },
})

/** Marks the plugin's own questions. */
const RESOLVING = 'resolving'
