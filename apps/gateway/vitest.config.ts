import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    name: 'gateway',
    include: ['test/**/*.test.ts'],
    globalSetup: [
      'test/tpm/global-setup.ts',
      'test/redis/global-setup.ts',
      'test/proxies/global-setup.ts',
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
