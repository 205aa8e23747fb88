import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** What browsers run, by the same tests but those that load built files or need no platform. */
export default defineConfig({
  resolve: {
    alias: {
      '#crypto-platform': fileURLToPath(new URL('src/platform/neutral.ts', import.meta.url)),
    },
  },
  test: {
    name: 'crypto-neutral',
    include: ['test/**/*.test.ts'],
    exclude: ['test/{chromium,exports,errors,file-store,generate,example-*,platform-node}.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
