import { mkdir, realpath, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { startProgram, temporaryFolder, writeFiles, type Ended } from '@nomyo-internal/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { checkLayers, forbiddenCode } from '../check-layers.js'
import { layerRules } from '../layer-rules.js'

/** A workspace on disk: the text of each file by its path. */
type Files = Record<string, string>

let root: string
beforeEach(async () => {
  root = await realpath(temporaryFolder())
})

describe('a workspace that keeps the rules', () => {
  it('has no findings', async () => {
    const results = await check({
      ...library('crypto', {
        '.': sealing,
        './keys/node': "export { readFile } from 'node:fs/promises'",
      }),
      ...library('transport', { '.': 'export const send = (body) => fetch("", { body })' }),
      ...library('attest', { '.': 'export const at = (time) => new Date(time) >= Date.UTC(2026)' }),
      ...library(
        'client',
        { '.': joining },
        { dependencies: ['@nomyo/crypto', '@nomyo/transport'] },
      ),
      ...library(
        'nomyo-js',
        {
          '.': "export * from '@nomyo/client'",
          './browser': 'export const exchange = () => fetch("")',
        },
        { dependencies: ['@nomyo/client'] },
      ),
      ...library(
        'testkit',
        { '.': "import { seal } from '@nomyo/crypto'; export * from 'node:http'; seal()" },
        { dependencies: ['@nomyo/crypto'] },
      ),
      ...library('test-vectors', { '.': 'eval("")' }, { manifest: { private: true } }),
    })
    expect(results.flatMap(({ findings }) => findings)).toEqual([])
    expect(results.map(({ name }) => name).filter((name) => !name.includes(' '))).toEqual([
      '@nomyo/attest',
      '@nomyo/client',
      '@nomyo/crypto',
      '@nomyo/crypto/keys/node',
      'nomyo-js',
      'nomyo-js/browser',
      '@nomyo/testkit',
      '@nomyo/transport',
    ])
  })

  it('may speak of what it must not do', async () => {
    const text = 'cannot decrypt: fetch the key, process the Date.now'
    const code = `/** encrypt, fetch( */ export const why = '${text}' + \`import('node:tls') \${0}\``
    const results = await check({
      ...library('crypto', { '.': code }),
      ...library('transport', { '.': code }),
      ...library('attest', { '.': code }),
    })
    expect(results.flatMap(({ findings }) => findings)).toEqual([])
  })
})

describe('each layer', () => {
  it.each([
    ['crypto', 'export const a = () => fetch("")', 'network: fetch'],
    ['crypto', 'export const a = () => new WebSocket("")', 'network: WebSocket'],
    ['crypto', "export const a = globalThis['fe' + 'tch']", 'network: fetch'],
    ['crypto', 'export const { fetch: a } = self', 'network: fetch'],
    ['crypto', "export const a = Reflect.get(self, 'fetch')", 'network: fetch'],
    ['crypto', "export * from 'node:https'", 'imports node:https'],
    ['crypto', "export * from 'fs'", 'imports node:fs'],
    ['crypto', "export const a = import('node:dns')", 'imports node:dns'],
    ['crypto', 'export const a = (b) => import(b)', 'hidden code: b'],
    [
      'crypto',
      'export const a = new Function("return 1")',
      'hidden code: new Function("return 1")',
    ],
    ['crypto', "export * from '@nomyo/transport'", 'contains modules of @nomyo/transport'],
    ['crypto', "export * from 'undici'", 'contains modules of undici'],
    ['transport', 'export const a = crypto.subtle', 'cryptography: subtle'],
    ['transport', 'export const a = (b) => b instanceof CryptoKey', 'cryptography: CryptoKey'],
    ['transport', 'export const a = (b) => b.importKey()', 'cryptography: importKey'],
    ['transport', "export const a = ['decrypt']", 'cryptography: decrypt'],
    ['transport', 'export function encryptBody() {}', 'cryptography: encryptBody'],
    ['transport', "export * from 'node:crypto'", 'imports node:crypto'],
    ['transport', "export * from '@nomyo/crypto'", 'contains modules of @nomyo/crypto'],
    ['attest', 'export const a = () => fetch("")', 'network: fetch'],
    ['attest', 'export const a = () => Date.now()', 'clock: Date'],
    ['attest', 'export const a = () => new Date()', 'clock: Date'],
    [
      'attest',
      'export const a = () => performance.now()',
      `Unexpected use of 'performance'. clock`,
    ],
    ['attest', 'export const a = () => process.env', `Unexpected use of 'process'. global state`],
    ['attest', 'export const a = () => globalThis', `Unexpected use of 'globalThis'. global state`],
    ['attest', "export * from 'node:crypto'", 'imports node:crypto'],
    ['attest', "export * from 'undici'", 'contains modules of undici'],
    ['client', 'export const a = eval("1")', `Unexpected use of 'eval'. hidden code`],
    ['client', "export * from '@nomyo/gateway'", 'contains modules of @nomyo/gateway'],
    ['client', "export * from '@nomyo/test-vectors'", 'contains modules of @nomyo/test-vectors'],
    ['client', "export * from '@nomyo/testkit'", 'contains modules of @nomyo/testkit'],
    ['testkit', 'export const a = eval("1")', `Unexpected use of 'eval'. hidden code`],
    ['testkit', "export * from '@nomyo/client'", 'contains modules of @nomyo/client'],
    ['nomyo-js', 'export const a = 1', 'has code of its own; it may only re-export'],
    ['nomyo-js', "export * from 'undici'", 'contains modules of undici'],
  ])('%s may not have: %s', async (name, code, finding) => {
    const results = await check({ ...surroundings, ...library(name, { '.': code }) })
    expect(findingsOf(results, packageName(name))).toContain(finding)
  })

  it('crypto keeps its file access to one subpath, and to files', async () => {
    const results = await check(
      library('crypto', {
        './keys': "export * from 'node:fs/promises'",
        './keys/node': "export * from 'node:fs'; export * from 'node:http'",
      }),
    )
    expect(findingsOf(results, '@nomyo/crypto/keys')).toEqual(['imports node:fs/promises'])
    expect(findingsOf(results, '@nomyo/crypto/keys/node')).toEqual(['imports node:http'])
  })

  it.each([
    ['a package', "export * from '@nomyo/client'", 'contains modules of @nomyo/client'],
    ['a library', "export * from 'undici'", 'contains modules of undici'],
    ['a module of Node', "export * from 'node:fs'", 'imports node:fs'],
    ['code from text', 'export const a = eval("1")', `Unexpected use of 'eval'. hidden code`],
  ])('nomyo-js has everything inside its file for browsers: not %s', async (_, code, finding) => {
    const results = await check({ ...surroundings, ...library('nomyo-js', { './browser': code }) })
    expect(findingsOf(results, 'nomyo-js/browser')).toEqual([finding])
  })
})

describe('each package.json', () => {
  it.each([
    ['crypto', '@nomyo/transport'],
    ['transport', '@nomyo/crypto'],
    ['transport', 'fastify'],
    ['attest', '@nomyo/crypto'],
    ['client', '@nomyo/gateway'],
    ['nomyo-js', '@nomyo/crypto'],
    ['testkit', '@nomyo/client'],
    ['testkit', 'vitest'],
  ])('%s may not depend on %s', async (name, dependency) => {
    const results = await check({
      ...surroundings,
      ...library(name, { '.': '' }, { dependencies: [dependency] }),
    })
    expect(findingsOf(results, `${packageName(name)} package.json`)).toEqual([
      `must not depend on ${dependency}`,
    ])
  })

  it.each([
    ['proxy', '@nomyo/gateway', ['must not depend on @nomyo/gateway']],
    ['proxy', '@nomyo/crypto', ['must not depend on @nomyo/crypto']],
    ['proxy', '@nomyo/client', []],
    ['gateway', '@nomyo/tpm', []],
  ])('of an app: %s on %s', async (name, dependency, findings) => {
    const results = await check(
      library(
        name,
        {},
        { group: 'apps', dependencies: [dependency], manifest: { exports: undefined } },
      ),
    )
    expect(results.flatMap((result) => result.findings)).toEqual(findings)
  })

  it('counts peer dependencies', async () => {
    const manifest = { peerDependencies: { '@nomyo/crypto': '*' } }
    const results = await check({
      ...surroundings,
      ...library('transport', { '.': '' }, { manifest }),
    })
    expect(findingsOf(results, '@nomyo/transport package.json')).toEqual([
      'must not depend on @nomyo/crypto',
    ])
  })

  it('exports what can be bundled', async () => {
    const manifest = { exports: { '.': './dist/index.js', './gone': './dist/gone.js' } }
    const results = await check(library('crypto', { '.': '' }, { manifest }))
    expect(findingsOf(results, '@nomyo/crypto/gone')).toEqual([
      expect.stringMatching(/^cannot be bundled: /),
    ])
  })

  it('belongs to a layer that has a rule', async () => {
    const results = await check(library('news', { '.': '' }))
    expect(findingsOf(results, '@nomyo/news')).toEqual(['has no rule in layer-rules.ts'])
  })
})

describe('forbiddenCode', () => {
  const attest = layerRules['@nomyo/attest']!

  it('distinguishes a global from a member and a local of the same name', () => {
    const code =
      'const eval_ = 1, document = 2; class A { process() { return this.process() + document } }'
    expect(forbiddenCode(code, attest)).toEqual([])
  })

  it('is not silenced by a comment', () => {
    const code = '/* eslint-disable */ process.exit() // eslint-disable-line'
    expect(forbiddenCode(code, attest)).toHaveLength(1)
  })

  it('reports code that it cannot read', () => {
    expect(forbiddenCode('export const = 1', attest)).toHaveLength(1)
  })
})

describe('the command', () => {
  it('exits with 0 and prints ok', async () => {
    await write(library('transport', { '.': 'export const a = 1' }))
    const { code, stdout } = await runCommand()
    expect(stdout).toMatch(/^@nomyo\/transport +ok$/m)
    expect(code).toBe(0)
  })

  it('exits with 1 and names what it found', async () => {
    await write(library('crypto', { '.': 'export const a = () => fetch("")' }))
    const { code, stdout } = await runCommand()
    expect(stdout).toMatch(/^@nomyo\/crypto +network: fetch$/m)
    expect(code).toBe(1)
  })
})

const sealing = `
  import { sha256 } from '@noble/hashes'
  export const seal = (key, bytes) => crypto.subtle.encrypt('AES-GCM', key, sha256(bytes))`

const joining = `
  import { seal } from '@nomyo/crypto'
  import { send } from '@nomyo/transport'
  export const exchange = async (key, bytes) => send(await seal(key, bytes))`

/** Packages that a test may import by mistake. */
const surroundings: Files = {
  ...library('crypto', { '.': 'export const seal = 1' }),
  ...library('transport', { '.': 'export const send = 1' }),
  ...library('client', { '.': 'export const exchange = 1' }),
  ...library('testkit', { '.': 'export const fake = 1' }),
  ...library('test-vectors', { '.': 'export const data = 1' }, { manifest: { private: true } }),
  ...library('gateway', { '.': 'export const serve = 1' }, { group: 'apps' }),
}

/** The files of a built package: the code of each subpath. */
function library(
  folder: string,
  subpaths: Record<string, string>,
  options: { group?: string; dependencies?: string[]; manifest?: object } = {},
): Files {
  const { group = 'packages', dependencies = [], manifest = {} } = options
  const built = Object.entries(subpaths).map(([subpath, code]) => {
    const file =
      subpath === '.' ? './dist/index.js' : `./dist/${subpath.slice(2).replace('/', '-')}.js`
    return { subpath, file, code }
  })
  const packageJson = {
    name: packageName(folder),
    type: 'module',
    sideEffects: false,
    exports: Object.fromEntries(built.map(({ subpath, file }) => [subpath, file])),
    dependencies: Object.fromEntries(dependencies.map((name) => [name, '*'])),
    ...manifest,
  }
  return {
    [`${group}/${folder}/package.json`]: JSON.stringify(packageJson),
    ...Object.fromEntries(built.map(({ file, code }) => [`${group}/${folder}/${file}`, code])),
  }
}

function packageName(folder: string): string {
  return folder === 'nomyo-js' ? folder : `@nomyo/${folder}`
}

async function write(files: Files): Promise<void> {
  const installed = {
    'node_modules/undici/index.js': 'export const request = 1',
    'node_modules/@noble/hashes/index.js': 'export const sha256 = (bytes) => bytes',
  }
  writeFiles(root, { ...installed, ...files })
  await mkdir(join(root, 'node_modules/@nomyo'), { recursive: true })
  for (const path of Object.keys(files).filter((file) => file.endsWith('/package.json'))) {
    const folder = dirname(path)
    await symlink(
      join(root, folder),
      join(root, 'node_modules', packageName(basename(folder))),
      'dir',
    )
  }
}

async function check(files: Files): ReturnType<typeof checkLayers> {
  await write(files)
  return checkLayers(root)
}

function findingsOf(results: Awaited<ReturnType<typeof checkLayers>>, name: string): string[] {
  const result = results.find((candidate) => candidate.name === name)
  if (result === undefined) throw new Error(`there is no result for ${name}`)
  return result.findings
}

const runCommand = (): Promise<Ended> => {
  const script = join(import.meta.dirname, '../check-layers.ts')
  return startProgram(process.execPath, ['--import', 'tsx', script, root]).ended
}
