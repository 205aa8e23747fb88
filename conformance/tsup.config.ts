import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    main: 'src/main.ts',
    // Each imports the packages by name: what they lead to is up to the runtime, or to its bundler.
    process: 'src/adapters/process.ts',
    page: 'src/adapters/page.ts',
    worker: 'src/adapters/worker.ts',
  },
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  splitting: false,
  external: [/^node:/, /^@nomyo\//, 'esbuild', 'playwright-core'],
  noExternal: [/^@nomyo-internal\//],
  removeNodeProtocol: false,
  clean: true,
})
