import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { cwd } from 'node:process'
import {
  defineConfig,
  type TestProjectConfiguration,
  type UserWorkspaceConfig,
} from 'vitest/config'

const SLOW_TESTS = '**/*.slow.test.ts'
/** Tests that measure times: no other test runs beside them. */
const ALONE = 'test/**/*.alone.slow.test.ts'

/** Settings of single projects; every folder of the workspace with a `test` folder is a project. */
const OWN_SETTINGS: Record<string, UserWorkspaceConfig> = {
  // Tests run on the sources; outside of tests these imports lead to the built files.
  crypto: { resolve: { alias: cryptoPlatform('node') } },
  client: { resolve: { alias: { '#platform': source('packages/client', 'node') } } },
  examples: { test: { globalSetup: ['install.ts'], testTimeout: 120_000, hookTimeout: 120_000 } },
  // Imports JSON in a way that Node 20 refuses.
  tools: { test: { server: { deps: { inline: [/@actions\//] } } } },
  packed: { test: { globalSetup: ['install.ts'], testTimeout: 120_000, hookTimeout: 120_000 } },
}

/**
 * Projects whose test files share the modules of a worker: half of their time is loading them. The others
 * replace modules.
 */
const SHARED_MODULES = ['attest', 'cli', 'gateway', 'proxy', 'tpm', 'transport']

/** `--mode slow` runs the slow tests and only these; `--mode alone` those that measure times. */
export default defineConfig(({ mode }) => {
  const slow = mode === 'slow'
  const tests = slow
    ? { include: [`test/${SLOW_TESTS}`], exclude: [ALONE] }
    : { include: ['test/**/*.test.ts'], exclude: [SLOW_TESTS] }

  const project = (folder: string): TestProjectConfiguration => {
    const name = basename(folder)
    const { test, ...others } = OWN_SETTINGS[name] ?? {}
    const isolate = !SHARED_MODULES.includes(name)
    return { extends: true, root: folder, ...others, test: { name, ...tests, isolate, ...test } }
  }

  const gatewayAlone: TestProjectConfiguration = {
    extends: true,
    root: 'apps/gateway',
    test: { name: 'gateway-alone', include: mode === 'alone' ? [ALONE] : [] },
  }

  // The build that browsers get, checked by the same tests, quick and slow, except those that load built
  // files, need no platform or ask mostly for what both platforms share.
  const neutralCrypto: TestProjectConfiguration = {
    extends: true,
    root: 'packages/crypto',
    resolve: { alias: cryptoPlatform('neutral') },
    test: {
      name: 'crypto-neutral',
      include: slow ? ['test/**/*.test.ts'] : [],
      exclude: [
        'test/{chromium,exported-arguments,exports,errors,file-store,generate,key-files,example-*,platform-node,rsa-der}{,.slow}.test.ts',
      ],
    },
  }

  return {
    test: {
      projects: [...foldersWithTests().map(project), neutralCrypto, gatewayAlone],
      globalSetup: [
        join(import.meta.dirname, 'internal/testing/src/programs/report-missing-programs.ts'),
      ],
      testTimeout: 60_000,
      // A busy machine can fail a test of processes or real time. The summary lists each second attempt.
      retry: 1,
      // A process that is generating a key ends when the key is done.
      hookTimeout: 60_000,
      // Longer than a busy machine takes: the default of a second is not.
      expect: { poll: { timeout: 30_000 } },
      // Tests mostly wait for processes and timers. Quick tests run in several packages at once.
      maxWorkers: Math.max(slow ? 4 : 2, availableParallelism() - 1),
      passWithNoTests: true,
      reporters: ['default', ['json', { outputFile: join(cwd(), '.reports', `${mode}.json`) }]],
    },
  }
})

function cryptoPlatform(platform: string): Record<string, string> {
  return {
    '#crypto-platform': source('packages/crypto', platform),
    '#wire-2-platform': wire2Source(`${platform}.ts`),
    '#x25519-platform': wire2Source(`x25519/${platform}.ts`),
  }
}

function wire2Source(file: string): string {
  return join(import.meta.dirname, 'packages/crypto/src/wire-2/platform', file)
}

function source(folder: string, platform: string): string {
  return join(import.meta.dirname, folder, 'src/platform', `${platform}.ts`)
}

function foldersWithTests(): string[] {
  const path = (...names: string[]): string => join(import.meta.dirname, ...names)
  const groups = ['packages', 'internal', 'apps', 'tests']
  const members = groups.flatMap((group) =>
    readdirSync(path(group)).map((name) => `${group}/${name}`),
  )
  const folders = [...members, 'bench', 'tools']
  return folders.filter((folder) => existsSync(path(folder, 'test'))).map((folder) => path(folder))
}
