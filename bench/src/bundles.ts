import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'
import type { RunContext } from './harness/run-context.js'

/** Bundled code by name. */
const ENTRIES = {
  '@nomyo/client': "export * from '@nomyo/client'",
  '@nomyo/crypto': "export * from '@nomyo/crypto'",
  '@nomyo/attest': "export * from '@nomyo/attest'",
  '@nomyo/transport': "export * from '@nomyo/transport'",
  jose: "export * from 'jose'",
  'jose, one JWE form': "export { CompactEncrypt, compactDecrypt } from 'jose'",
  '@hpke/core': "export * from '@hpke/core'",
  '@hpke/core, one suite':
    "export { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'",
  openai: "export { default } from 'openai'",
}

/** Bundles packages as a web page does: esbuild, minified and gzipped, split at code loaded on demand. */
export async function measureBundles({ progress }: RunContext) {
  progress('bundle sizes')
  const client = createRequire(import.meta.url).resolve('@nomyo/client/package.json')
  const rows = []
  for (const [name, code] of Object.entries(ENTRIES)) {
    // A dependency of the client.
    const folder = name === 'openai' ? dirname(client) : import.meta.dirname
    rows.push({ name, ...(await sizesOf(code, folder)) })
  }
  return rows
}

/** Returns the bytes that a browser downloads before the first line runs, and on first use. */
async function sizesOf(code: string, resolveDir: string) {
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
  const sizes = { initialBytes: 0, onDemandBytes: 0 }
  for (const { path, contents } of outputFiles) {
    const when = initial.has(path.slice(1)) ? 'initialBytes' : 'onDemandBytes'
    sizes[when] += gzipSync(contents, { level: 9 }).length
  }
  return sizes
}

/** Returns the entry and its imports other than `import()`. */
function initialFiles({ outputs }: Metafile): ReadonlySet<string> {
  // Code loaded on demand has entry points of its own.
  const entries = Object.keys(outputs).filter((path) => outputs[path]?.entryPoint === '<stdin>')
  const found = new Set(entries)
  // A set is iterated together with what is added meanwhile.
  for (const path of found) {
    for (const { path: imported, kind } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement') found.add(imported)
    }
  }
  return found
}
