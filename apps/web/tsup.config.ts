import { defineConfig } from 'tsup'

/** One script with everything inside: the page loads nothing else, and a policy allows nothing else. */
export default defineConfig({
  entry: { app: 'src/app.ts' },
  format: ['esm'],
  target: 'es2022',
  platform: 'browser',
  noExternal: [/.*/],
  splitting: false,
  minify: true,
  publicDir: 'src/page',
  clean: true,
})
