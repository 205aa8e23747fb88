import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    name: 'packed',
    include: ['test/**/*.test.ts'],
    globalSetup: 'install.ts',
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
