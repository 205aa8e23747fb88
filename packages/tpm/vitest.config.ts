import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    name: 'tpm',
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
