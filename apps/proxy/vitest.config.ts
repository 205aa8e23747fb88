import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    name: 'proxy',
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    // A process that has begun to make a key ends when that is done.
    hookTimeout: 60_000,
  },
})
