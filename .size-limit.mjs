// The most that each public subpath may weigh: minified, its dependencies inside, gzip -9, without what
// `import()` loads on demand. The READMEs state the same limits.
import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'

/** @type {Readonly<Record<string, Readonly<Record<string, string>>>>} */
const LIMITS = {
  crypto: {
    '.': '8.0 kB',
    './envelope': '3.0 kB',
    './keys': '7.0 kB',
    './keys/node': '8.4 kB',
    './wire-2': '11.5 kB',
    './errors': '0.5 kB',
  },
  transport: { '.': '4.4 kB', './errors': '1.0 kB', './undici': '2.7 kB' },
  attest: {
    '.': '12.8 kB',
    './structures': '5.0 kB',
    './x509': '6.5 kB',
    './certify': '12.8 kB',
    './policy-file': '9.5 kB',
    './receipt': '20.5 kB',
    './credential': '4.0 kB',
    './eventlog': '9.5 kB',
    './ima': '9.0 kB',
    './errors': '1.0 kB',
  },
  client: {
    '.': '13.5 kB',
    './openai-fetch': '15.5 kB',
    './ai-sdk': '16.0 kB',
    './gateway-api': '9.5 kB',
    './known-servers': '4.6 kB',
  },
  tpm: { '.': '11.0 kB', './errors': '0.5 kB' },
  testkit: { '.': '13.0 kB' },
  'nomyo-js': { '.': '13.5 kB', './browser': '63.0 kB' },
}

/**
 * Bundles what a page loads at once. Modules of Node and undici are not part of a page, and the AI SDK is there
 * before its provider is.
 *
 * @param {import('esbuild').BuildOptions} config
 * @returns {import('esbuild').BuildOptions}
 */
function esbuildConfig(config) {
  return {
    ...config,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    external: ['node:*', ...builtinModules, 'undici', '@ai-sdk/openai-compatible'],
    plugins: [
      {
        name: 'on-demand',
        setup: (build) =>
          build.onResolve({ filter: /.*/ }, ({ kind }) =>
            kind === 'dynamic-import' ? { external: true } : undefined,
          ),
      },
    ],
  }
}

/**
 * Bundles also the code of one wire, which a page loads at its first request.
 *
 * @param {RegExp} marker - matches that code alone
 * @returns {(config: import('esbuild').BuildOptions) => import('esbuild').BuildOptions}
 */
const withWire = (marker) => (config) => ({
  ...esbuildConfig(config),
  plugins: [
    {
      name: 'on-demand-but-for-a-wire',
      setup: (build) =>
        build.onResolve({ filter: /.*/ }, ({ kind, path, resolveDir }) => {
          if (kind !== 'dynamic-import') return undefined
          const isLocal = path.startsWith('.')
          const isWire = isLocal && marker.test(readFileSync(join(resolveDir, path), 'utf8'))
          return isWire ? undefined : { external: true }
        }),
    },
  ],
})

/**
 * Bundles also what a page loads on demand.
 *
 * @param {import('esbuild').BuildOptions} config
 * @returns {import('esbuild').BuildOptions}
 */
function wholeConfig(config) {
  return { ...esbuildConfig(config), plugins: [] }
}

const subpaths = Object.entries(LIMITS).flatMap(([folder, limits]) => {
  const { name, exports } = JSON.parse(
    readFileSync(join(import.meta.dirname, 'packages', folder, 'package.json'), 'utf8'),
  )
  return Object.entries(limits).map(([subpath, limit]) => ({
    name: name + subpath.slice(1),
    path: join('packages', folder, exports[subpath].default),
    limit,
    gzip: true,
    modifyEsbuildConfig: esbuildConfig,
  }))
})

export default [
  ...subpaths,
  {
    // A third of it parses Markdown; the gateway serves it to its own machine, as a rule.
    name: '@nomyo/web',
    path: 'apps/web/dist/app.js',
    limit: '127 kB',
    gzip: true,
    modifyEsbuildConfig: wholeConfig,
  },
  {
    name: '@nomyo/client with wire 1',
    path: 'packages/client/dist/index.js',
    limit: '22.0 kB',
    gzip: true,
    modifyEsbuildConfig: withWire(/export\{[^}]*\bWire1\b/),
  },
  {
    name: '@nomyo/client with wire 2',
    path: 'packages/client/dist/index.js',
    limit: '27.3 kB',
    gzip: true,
    modifyEsbuildConfig: withWire(/export\{[^}]*\bWireSelection\b/),
  },
  {
    name: '@nomyo/crypto/wire-2, the client of it',
    path: 'packages/crypto/dist/wire-2.js',
    import:
      '{ createBhttpReader, createVouch, encodeRequestParts, loadHybridKem, parseKeyStatement, sealRequest }',
    limit: '9.5 kB',
    gzip: true,
    modifyEsbuildConfig: esbuildConfig,
  },
  {
    name: '@nomyo/crypto/wire-2 where the platform has no ML-KEM',
    path: 'packages/crypto/dist/wire-2.js',
    limit: '19.8 kB',
    gzip: true,
    modifyEsbuildConfig: wholeConfig,
  },
  {
    name: 'all four layers, installed',
    path: ['crypto', 'transport', 'attest', 'client'].map(
      (folder) => `packages/${folder}/dist/**/*.js`,
    ),
    limit: '264 kB',
    disablePlugins: ['@size-limit/esbuild'],
    brotli: false,
  },
]
