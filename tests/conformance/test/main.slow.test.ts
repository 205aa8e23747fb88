import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unusedUrl } from '../src/local-servers.js'
import { packageFolder } from '../src/package-folder.js'

let folder: string
let registry: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nomyo-runtimes-'))
  registry = await unusedUrl()
})
afterAll(() => rm(folder, { recursive: true }))

describe('the command', () => {
  it('explains itself', async () => {
    const { code, output } = await run(['--help'])
    expect(code).toBe(0)
    expect(output).toContain('node20, node22, node24, node26, bun, deno, workerd, chromium')
  })

  it.each([['--only=node19'], ['--onyl=bun']])('does not take %s', async (parameter) => {
    expect((await run([parameter])).code).toBe(2)
  })

  it('shows a runtime that cannot be downloaded, and fails with CI', async () => {
    const report = join(folder, 'report.json')
    const parameters = ['--only=workerd', `--report=${report}`]
    const { code, output } = await run(parameters, { CI: 'true' })
    expect(code).toBe(1)
    expect(output).toMatch(/^workerd +not run: /m)
    expect(output).toContain('1 failed, 0 runtimes not run')
    expect(JSON.parse(await readFile(report, 'utf8'))).toMatchObject({
      testResults: [{ status: 'failed' }],
    })
  })

  it('does without Chromium where there is none, with CI, too', async () => {
    const environment = { CI: 'true', CHROMIUM_PATH: join(folder, 'chromium') }
    const { code, output } = await run(['--only=chromium'], environment)
    // Nothing passed: a run that shows nothing is no success.
    expect(code).toBe(1)
    expect(output).toMatch(/^chromium +not run: /m)
    expect(output).toContain('0 failed, 1 runtimes not run')
  })
})

describe('the pins', () => {
  it('are exact and have a hash', async () => {
    const read = async (file: string) =>
      JSON.parse(await readFile(join(packageFolder, 'runtimes', file), 'utf8'))
    const { dependencies } = await read('package.json')
    const { packages } = await read('package-lock.json')
    expect(Object.keys(dependencies)).toHaveLength(7)
    for (const [id, wanted] of Object.entries<string>(dependencies)) {
      const { name, version, integrity } = packages[`node_modules/${id}`]
      expect(wanted).toBe(`npm:${name}@${version}`)
      expect(integrity).toMatch(/^sha512-/)
    }
  })

  it('are the versions the README promises', async () => {
    const { packages } = JSON.parse(
      await readFile(join(packageFolder, 'runtimes/package-lock.json'), 'utf8'),
    )
    const readme = await readFile(join(packageFolder, '../../README.md'), 'utf8')
    const versions = Object.entries<{ version?: string }>(packages).flatMap(
      ([path, { version }]) => (path === '' ? [] : [version]),
    )
    expect(versions.filter((version) => !readme.includes(` ${version}`))).toEqual([])
  })
})

function run(
  parameters: string[],
  environment: Record<string, string> = {},
): Promise<{ code: unknown; output: string }> {
  const main = join(packageFolder, 'dist/main.js')
  const env = {
    ...process.env,
    CI: '',
    NOMYO_RUNTIMES_DIR: join(folder, 'cache'),
    npm_config_registry: registry,
    npm_config_cache: join(folder, 'npm'),
    ...environment,
  }
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...parameters], { env }, (error, stdout) => {
      resolve({ code: error === null ? 0 : error.code, output: stdout })
    })
  })
}
