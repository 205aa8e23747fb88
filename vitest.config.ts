import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      'packages/*',
      'packages/crypto/vitest.neutral.config.ts',
      'apps/*',
      'bench',
      'conformance',
      'packed',
      'scripts',
    ],
    // Much of their time tests wait for processes and for times to pass: three files at a time keep
    // two cores busy.
    maxWorkers: Math.max(3, availableParallelism() - 1),
  },
})
