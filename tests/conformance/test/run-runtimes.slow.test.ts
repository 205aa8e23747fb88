import { temporaryFolder } from '@nomyo-internal/testing'
import { expect, it, onTestFinished, vi } from 'vitest'
import { unusedUrl } from '../src/local-servers.js'
import { RUNTIMES, runRuntimes } from '../src/run-runtimes.js'
import type { Runtime } from '../src/runtimes/runtime.js'

const runtimesOf = (wanted: string): readonly Runtime[] =>
  RUNTIMES.filter(({ id }) => id === wanted)

it('reports runtimes that cannot be obtained and those that crash', async () => {
  const folder = temporaryFolder()
  onTestFinished(() => void vi.unstubAllEnvs())
  vi.stubEnv('NOMYO_RUNTIMES_DIR', folder)
  vi.stubEnv('npm_config_registry', await unusedUrl())
  vi.stubEnv('npm_config_cache', folder)
  vi.stubEnv('CHROMIUM_PATH', `${folder}/chromium`)
  const crashing: Runtime = {
    id: 'crashing',
    name: 'Crashing',
    isRequired: true,
    prepare: async () => ({
      version: '1.0',
      run: () => Promise.reject(new Error('ended with 137')),
    }),
  }
  const runtimes = [...runtimesOf('workerd'), crashing, ...runtimesOf('chromium')]
  expect(await runRuntimes(runtimes)).toMatchObject([
    { title: 'workerd', outcomes: [], missing: expect.any(String) },
    { title: 'Crashing 1.0', outcomes: [], crash: 'ended with 137' },
    { title: 'Chromium', outcomes: [], missing: expect.any(String) },
  ])
})
