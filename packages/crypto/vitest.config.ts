import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // The sources are tested; outside of tests the import leads to the built file.
  resolve: {
    alias: { '#crypto-platform': fileURLToPath(new URL('src/platform/node.ts', import.meta.url)) },
  },
  test: {
    name: 'crypto',
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
