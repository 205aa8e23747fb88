import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      'packages/*',
      'packages/crypto/vitest.neutral.config.ts',
      'apps/*',
      'bench',
      'scripts',
    ],
    // Much of their time tests wait for processes: also on two cores two files at a time are quicker.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
})
