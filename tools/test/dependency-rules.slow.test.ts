import { execFile } from 'node:child_process'
import { copyFile, mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder, writeFiles } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'

const project = join(import.meta.dirname, '../..')

/** A workspace without violations: `client` and `gateway` import what they declare. */
const WORKSPACE: Record<string, string> = {
  'package.json': '{}',
  'packages/crypto/package.json': manifest('@nomyo/crypto', {}),
  'packages/crypto/src/index.ts': 'export const seal = 1',
  'packages/crypto/dist/index.js': 'export const seal = 1',
  'packages/client/package.json': manifest(
    '@nomyo/client',
    { '@nomyo/crypto': '1' },
    {
      '@nomyo/gateway': '1',
      tool: '1',
    },
  ),
  'packages/client/src/index.ts': "export { seal } from '@nomyo/crypto'",
  'internal/http/package.json': manifest('@nomyo-internal/http', {}),
  'internal/http/src/index.ts': 'export const listen = 1',
  'apps/gateway/package.json': manifest('@nomyo/gateway', {}, { '@nomyo-internal/http': '1' }),
  'apps/gateway/src/index.ts': "export { listen } from '@nomyo-internal/http'",
  'apps/gateway/dist/index.js': 'export const listen = 1',
  'node_modules/tool/package.json': '{ "name": "tool", "main": "index.js" }',
  'node_modules/tool/index.js': '',
}

function manifest(name: string, dependencies: object, devDependencies: object = {}): string {
  const target = name.includes('internal') ? './src/index.ts' : './dist/index.js'
  return JSON.stringify({
    name,
    type: 'module',
    exports: { '.': target },
    dependencies,
    devDependencies,
  })
}

it('accept imports that are declared', async () => {
  expect(await violationsOf({})).toEqual([])
})

it.each([
  ['crypto', "import './b.js'", 'no-circle'],
  ['crypto', "import type { B } from './b.js'\nexport type A = B", 'no-circle'],
  ['crypto', "import '@nomyo/client'", 'not-unresolvable'],
  ['crypto', "import 'tool'", 'no-undeclared-package'],
  ['client', "import 'tool'", 'no-undeclared-package'],
  ['client', "import '../../crypto/src/index.js'", 'stay-inside'],
  ['client', "export type A = import('../../crypto/src/index.js').B", 'stay-inside'],
  ['client', "import '@nomyo/crypto/src/index.js'", 'not-unresolvable'],
  ['client', "import '@nomyo/gateway'", 'declared-members-of-packages-client'],
  ['client', "export const a = import('@nomyo/gateway')", 'declared-members-of-packages-client'],
  ['client', "import '@nomyo-internal/http'", 'declared-members-of-packages-client'],
])('refuse in the sources of %s: %s', async (name, code, rule) => {
  const circle = "import type { A } from './a.js'\nexport type B = A"
  const files = { [`packages/${name}/src/a.ts`]: code, 'packages/crypto/src/b.ts': circle }
  expect(await violationsOf(files)).toContain(rule)
})

it('refuse a file of another package in a test', async () => {
  const files = { 'packages/client/test/a.test.ts': "import '../../crypto/src/index.js'" }
  expect(await violationsOf(files)).toContain('stay-inside')
})

async function violationsOf(files: Record<string, string>): Promise<string[]> {
  const root = temporaryFolder()
  writeFiles(root, { ...WORKSPACE, ...files })
  const modules = {
    '@nomyo/crypto': 'packages/crypto',
    '@nomyo/gateway': 'apps/gateway',
    '@nomyo-internal/http': 'internal/http',
  }
  for (const user of ['packages/client', 'apps/gateway']) {
    for (const [name, folder] of Object.entries(modules)) {
      const link = join(root, user, 'node_modules', name)
      await mkdir(dirname(link), { recursive: true })
      await symlink(join(root, folder), link)
    }
  }
  const config = '.dependency-cruiser.mjs'
  await copyFile(join(project, config), join(root, config))
  const depcruise = join(project, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
  const options = ['--config', config, '--output-type', 'json']
  const words = [depcruise, ...options, 'packages', 'internal', 'apps']
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: root })
  const { summary } = JSON.parse(stdout) as {
    summary: { violations: { rule: { name: string } }[] }
  }
  return summary.violations.map(({ rule }) => rule.name)
}
