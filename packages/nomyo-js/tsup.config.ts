import { defineConfig } from 'tsup'
import { packageBuild } from '../../tsup.base.js'
import manifest from './package.json' with { type: 'json' }

export default defineConfig([
  {
    ...packageBuild({ index: 'src/index.ts' }),
    // Both builds run at once: this one leaves the folder of the other alone.
    clean: ['!browser/**'],
  },
  {
    // One file with everything inside, for pages without a bundler. Types are those of the main entry.
    // Not the `browser` condition of the package: bundlers shall take the modules, so that an app that
    // also imports @nomyo/client has them once, and test runners that emulate a browser get them too.
    entry: { index: 'src/index.ts' },
    outDir: 'dist/browser',
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
    clean: true,
  },
])
