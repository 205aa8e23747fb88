import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'
import type { RunContext } from './harness/run-context.js'

/** Bytes that a browser downloads for one package, minified and gzipped. */
export interface BundleRow {
  readonly name: string
  /** Before its first line runs. */
  readonly initialBytes: number
  /** On first use. */
  readonly onDemandBytes: number
}

export type BundleResult = readonly BundleRow[]

const HERE = dirname(fileURLToPath(import.meta.url))

/** The folder that resolves dependencies of the client. */
const ofClient = (): string =>
  dirname(createRequire(import.meta.url).resolve('@nomyo/client/package.json'))

/** Bundled code, and the folder that its imports are resolved from. */
const ENTRIES: readonly (readonly [name: string, code: string, folder?: () => string])[] = [
  ['@nomyo/client', "export * from '@nomyo/client'"],
  ['@nomyo/crypto', "export * from '@nomyo/crypto'"],
  ['@nomyo/attest', "export * from '@nomyo/attest'"],
  ['@nomyo/transport', "export * from '@nomyo/transport'"],
  ['jose', "export * from 'jose'"],
  ['jose, one JWE form', "export { CompactEncrypt, compactDecrypt } from 'jose'"],
  ['@hpke/core', "export * from '@hpke/core'"],
  [
    '@hpke/core, one suite',
    "export { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'",
  ],
  ['openai', "export { default } from 'openai'", ofClient],
]

/** Bundles packages as a web page does: esbuild, minified, split at code loaded on demand. */
export async function measureBundles({ progress }: RunContext): Promise<BundleResult> {
  progress('bundle sizes')
  const rows: BundleRow[] = []
  for (const [name, code, folder] of ENTRIES) {
    rows.push({ name, ...(await sizesOf(code, folder?.() ?? HERE)) })
  }
  return rows
}

async function sizesOf(code: string, resolveDir: string): Promise<Omit<BundleRow, 'name'>> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none',
    // Nothing is written to this folder.
    outdir: '/out',
    absWorkingDir: '/',
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  const initial = initialFiles(metafile)
  let initialBytes = 0
  let onDemandBytes = 0
  for (const { path, contents } of outputFiles) {
    const size = gzipSync(contents, { level: 9 }).length
    if (initial.has(path)) initialBytes += size
    else onDemandBytes += size
  }
  return { initialBytes, onDemandBytes }
}

/** Returns the entry and its imports other than `import()`. */
function initialFiles({ outputs }: Metafile): ReadonlySet<string> {
  const found = new Set<string>()
  const add = (path: string): void => {
    if (found.has(`/${path}`)) return
    found.add(`/${path}`)
    for (const { path: imported, kind } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement') add(imported)
    }
  }
  for (const [path, { entryPoint }] of Object.entries(outputs)) {
    // Code loaded on demand has entry points of its own.
    if (entryPoint === '<stdin>') add(path)
  }
  return found
}
