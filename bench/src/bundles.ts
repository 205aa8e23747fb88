import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Plugin } from 'esbuild'
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

/** Bundles packages as a web page does: one file, minified and gzipped, without the code loaded on demand. */
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

/**
 * Returns the bytes of the code that runs before the first line of a page, as the limits of
 * `.size-limit.mjs` count them, and of the code loaded on demand.
 */
async function sizesOf(code: string, resolveDir: string) {
  const bundle = async (plugins: Plugin[]): Promise<number> => {
    const { outputFiles } = await build({
      stdin: { contents: code, resolveDir },
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      legalComments: 'none',
      plugins,
      write: false,
      logLevel: 'silent',
    })
    const [file] = outputFiles
    return gzipSync(file?.contents ?? '', { level: 9 }).length
  }
  const initialBytes = await bundle([withoutOnDemand])
  return { initialBytes, onDemandBytes: (await bundle([])) - initialBytes }
}

/** Leaves what `import()` loads out of a bundle. */
const withoutOnDemand: Plugin = {
  name: 'on-demand',
  setup: (building) => {
    building.onResolve({ filter: /.*/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { external: true } : undefined,
    )
  },
}
