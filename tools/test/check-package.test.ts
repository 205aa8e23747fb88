import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { attwProfiles, checkTarball, fileFindings, scriptFindings } from '../check-package.mjs'

const manifest = {
  name: 'packed',
  version: '1.0.0',
  license: 'Apache-2.0',
  type: 'module',
  files: ['dist', 'src'],
  exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
}

const files = {
  'package.json': JSON.stringify(manifest),
  'README.md': '# packed',
  LICENSE: 'as is',
  'dist/index.js': 'export const a = 1',
  'dist/index.d.ts': 'export declare const a: 1',
}

describe('checkTarball', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nomyo-package-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('finds nothing wrong with a sound package', async () => {
    expect(await checkTarball(await pack(files), manifest)).toEqual([])
  })

  it('names what each of its judges finds', async () => {
    const broken = { ...manifest, scripts: { postinstall: 'node x.js' } }
    const tarball = await pack({
      ...files,
      'package.json': JSON.stringify({ ...broken, main: './dist/gone.js' }),
      'dist/index.d.ts': 'export { b } from "./b"',
      'test/index.test.js': '',
    })
    const findings = await checkTarball(tarball, broken)
    expect(findings).toContain('has a script "postinstall"')
    expect(findings).toContain('publishes test/index.test.js')
    expect(findings).toContainEqual(expect.stringMatching(/^publint: .*dist\/gone\.js/))
    expect(findings).toContainEqual(expect.stringMatching(/^attw: /))
  })

  async function pack(contents: Record<string, string>): Promise<string> {
    for (const [path, text] of Object.entries(contents)) {
      const file = join(folder, 'package', path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text)
    }
    const paths = Object.keys(contents).map((path) => `package/${path}`)
    await promisify(execFile)('tar', ['-czf', 'packed.tgz', ...paths], { cwd: folder })
    return join(folder, 'packed.tgz')
  }
})

describe('fileFindings', () => {
  const paths = [
    'package.json',
    'README.md',
    'LICENSE',
    'dist/index.js',
    'src/index.ts',
    'CHANGELOG.md',
  ]

  it('has nothing against what belongs there', () => {
    expect(fileFindings([...paths, 'bin/nomyo.js'])).toEqual([])
  })

  it.each([
    'test/a.test.ts',
    'tsconfig.json',
    '.env',
    'dist',
    'README.md.orig',
    'packages/src/a.ts',
  ])('refuses %s', (path) => {
    expect(fileFindings([...paths, path])).toEqual([`publishes ${path}`])
  })

  it.each(['README.md', 'LICENSE', 'package.json'])('misses %s', (path) => {
    expect(fileFindings(paths.filter((other) => other !== path))).toEqual([`${path} is missing`])
  })

  it('misses the build', () => {
    expect(fileFindings(['package.json', 'README.md', 'LICENSE'])).toEqual([
      'dist is missing (build first)',
    ])
  })
})

it.each(['preinstall', 'install', 'postinstall', 'prepare'])('refuses the script %s', (name) => {
  const scripts = { build: 'tsup', [name]: 'true' }
  expect(scriptFindings({ name: 'packed', scripts })).toEqual([`has a script "${name}"`])
})

describe('attwProfiles', () => {
  it('expects of every subpath what it promises', () => {
    const both = { import: './a.js', require: './a.cjs' }
    const exports = { '.': both, './module': './b.js', './package.json': './package.json' }
    expect(attwProfiles({ name: 'both', exports })).toEqual([
      { profile: 'node16', subpaths: ['.'] },
      { profile: 'esm-only', subpaths: ['./module'] },
    ])
    expect(attwProfiles({ name: 'modules', exports: { '.': './a.js' } })).toEqual([
      { profile: 'esm-only', subpaths: ['.'] },
    ])
    expect(attwProfiles({ name: 'one', exports: both })).toEqual([
      { profile: 'node16', subpaths: ['.'] },
    ])
    expect(attwProfiles({ name: 'command' })).toEqual([])
  })
})
