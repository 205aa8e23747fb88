import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import sizeLimits from '../../.size-limit.mjs'
import {
  publicSubpaths,
  readManifest,
  readMembers,
  readPublished,
  runtimeDependencies,
} from '../workspace.mjs'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const git = (...words: string[]): string[] =>
  execFileSync('git', words, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 25 })
    .split('\n')
    .filter(Boolean)

const files = git('ls-files', '--cached', '--others', '--exclude-standard').filter((path) =>
  existsSync(join(root, path)),
)
const sources = files.filter((path) => /\.(?:ts|mjs|cjs|js)$/.test(path))
const pages = files.filter((path) => path.endsWith('.md'))
const members = readMembers(root)
const published = readPublished(root)

/** Lines that match, as `file:line: text`. */
function linesMatching(pattern: RegExp, paths = sources): string[] {
  return paths
    .filter((path) => path !== 'tools/test/repository.test.ts')
    .flatMap((path) =>
      read(path)
        .split('\n')
        .flatMap((line, index) =>
          pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
        ),
    )
}

describe('prose', () => {
  it('names roles instead of pronouns', () => {
    const pronouns = /\b(?:somebody|nobody|everybody|whoever|anybody)\b/i
    expect(linesMatching(pronouns, [...sources, ...pages])).toEqual([])
  })

  it('leads from the words of this project to the glossary', () => {
    const words = /\b(?:wire [12]|key statement|(?:server|identity|request) key|security tier)s?\b/i
    const guides = pages.filter((path) => /^(?:docs|packages|apps)\/|^[A-Z]+\.md$/.test(path))
    const unexplained = guides.filter((path) => {
      const text = read(path)
      return words.test(text) && !/glossary\.md|^# Glossary$/m.test(text)
    })
    expect(unexplained.filter((path) => path !== 'CHANGELOG.md')).toEqual([])
  })

  it('begins TSDoc with a noun or a verb', () => {
    expect(linesMatching(/^\s*(?:\/\*\*|\*) (?:What|Who|Whether|How)\b/)).toEqual([])
  })
})

describe('structure', () => {
  it('has no file with a private key', () => {
    const armor = /^-----BEGIN [A-Z ]*PRIVATE KEY-----$/m
    const isText = (path: string): boolean => !/\.(?:bin|gz|png|tgz|wasm)$/.test(path)
    expect(files.filter((path) => isText(path) && armor.test(read(path)))).toEqual([])
  })

  it('has at most eight loose files in a src folder', () => {
    const folders = sources
      .filter((path) => /\/src\/[^/]+$/.test(path))
      .map((path) => dirname(path))
    const count = (folder: string): number => folders.filter((other) => other === folder).length
    const crowded = [...new Set(folders)].filter((folder) => count(folder) > 8)
    expect(crowded.map((folder) => `${folder}: ${count(folder)}`)).toEqual([])
  })

  it('has an ARCHITECTURE.md that names only existing files', () => {
    const text = read('ARCHITECTURE.md')
    expect(text.split('\n').length).toBeLessThan(120)
    const paths = text.matchAll(
      /`((?:[\w-]+\/)*[\w-]+(?:\/|\.(?:ts|mjs|json)))`|`([a-z]+(?:\/[\w-]+)+)`/g,
    )
    const named = [...paths].map(([, file, folder]) => file ?? `${folder}/`)
    expect(named.length).toBeGreaterThan(30)
    const all = `/${files.join('\n/')}`
    expect(named.filter((path) => !all.includes(`/${path}`))).toEqual([])
  })

  it('has scripts that the shell of pnpm understands, which has no functions and no tests', () => {
    const { scripts = {} } = readManifest(root)
    expect(Object.values(scripts).filter((script) => /[()$]/.test(script))).toEqual([])
  })

  it('has at most fifteen scripts', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: object }
    expect(Object.keys(scripts).length).toBeLessThanOrEqual(15)
  })
})

describe('every member', () => {
  it.each(members.map(({ folder, manifest }) => [manifest.name, folder, manifest.scripts ?? {}]))(
    '%s runs its tests, types and lint',
    (_, folder, scripts) => {
      const own = files.filter((path) => path.startsWith(`${relative(root, folder)}/test/`))
      const tests = own.filter((path) => path.endsWith('.test.ts'))
      const slow = tests.filter((path) => path.endsWith('.slow.test.ts'))
      expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['types', 'lint']))
      expect('test' in scripts).toBe(tests.length > slow.length)
      expect('test:slow' in scripts).toBe(slow.length > 0)
    },
  )
})

describe('every published package', () => {
  it.each(published.map(({ manifest }) => [manifest.name, manifest]))(
    '%s publishes its build and its sources, and runs nothing where it is installed',
    (_, { files: contents, scripts = {} }) => {
      expect(contents).toEqual(expect.arrayContaining(['dist', 'src']))
      expect(['bin', 'dist', 'examples', 'src']).toEqual(expect.arrayContaining(contents ?? []))
      for (const hook of ['preinstall', 'install', 'postinstall', 'prepare'])
        expect(scripts).not.toHaveProperty(hook)
    },
  )

  it.each(published.map(({ folder, manifest }) => [manifest.name, folder]))(
    '%s has a README',
    (_, folder) => {
      expect(existsSync(join(folder, 'README.md'))).toBe(true)
    },
  )

  const libraries = published.filter(({ group }) => group === 'packages')

  it.each(libraries.map(({ manifest }) => [manifest.name, manifest]))(
    '%s has no side effects',
    (_, manifest) => {
      expect(manifest.sideEffects).toBe(false)
      expect(publicSubpaths(manifest)).not.toEqual([])
    },
  )

  it.each(libraries.map(({ folder, manifest }) => [manifest.name, folder, manifest]))(
    '%s states in its README the size limit of every subpath',
    (_, folder, manifest) => {
      const readme = readFileSync(join(folder, 'README.md'), 'utf8')
      for (const [subpath] of publicSubpaths(manifest)) {
        const name = manifest.name + subpath.slice(1)
        const limit = sizeLimits.find((check) => check.name === name)?.limit ?? 'no limit'
        expect(readme).toMatch(new RegExp(`^\\| \`${name}\` .*\\| ≤ ${limit} *\\|$`, 'm'))
      }
    },
  )
})

describe('dependencies', () => {
  it('are listed in SECURITY.md with their users and a reason', () => {
    const ours = members.map(({ manifest }) => manifest.name)
    const used = published.flatMap(({ manifest }) =>
      runtimeDependencies(manifest)
        .filter((dependency) => !ours.includes(dependency))
        .map((dependency) => `${dependency} of ${manifest.name.replace('@nomyo/', '')}`),
    )
    const [, list = ''] =
      /^## Runtime dependencies$(.*?)(?=^## |(?![^]))/ms.exec(read('SECURITY.md')) ?? []
    const listed = [...list.matchAll(/^\| (`.*?) +\| (.*?) +\| \S/gm)].flatMap(
      ([, names = '', users = '']) =>
        [...names.matchAll(/`(.*?)`/g)].flatMap(([, name]) =>
          users.split(', ').map((user) => `${name} of ${user.replace(/ \(.*\)/, '')}`),
        ),
    )
    expect(listed.sort()).toEqual(used.sort())
  })

  it('have licences that allow redistribution', () => {
    const allowed = [
      '0BSD',
      'Apache-2.0',
      'BSD-2-Clause',
      'BSD-3-Clause',
      'BlueOak-1.0.0',
      'ISC',
      'MIT',
    ]
    const words = ['licenses', 'list', '--prod', '--json']
    const installed = JSON.parse(
      execFileSync('pnpm', words, { cwd: root, encoding: 'utf8' }),
    ) as Record<string, { name: string }[]>
    expect(Object.keys(installed)).toContain('MIT')
    // An expression is fine when one of its alternatives is.
    const refused = Object.entries(installed).filter(
      ([licence]) =>
        !licence
          .replace(/[()]/g, '')
          .split(' OR ')
          .some((one) => allowed.includes(one)),
    )
    expect(
      refused.map(([licence, packages]) => [licence, packages.map(({ name }) => name)]),
    ).toEqual([])
  })
})

describe('examples', () => {
  interface Dependencies {
    dependencies?: Record<string, string>
    devDependencies?: Record<string, string>
  }
  const needs = (path: string): Record<string, string> => {
    const { dependencies, devDependencies } = JSON.parse(read(path)) as Dependencies
    return { ...dependencies, ...devDependencies }
  }
  const manifests = files.filter((path) => /^examples\/[\w-]+\/package\.json$/.test(path))

  it('depend on the versions that their test installs, and on the packages of this version', () => {
    const ours = published.map(({ manifest }) => [manifest.name, manifest.version])
    const pinned = needs('tests/examples/dependencies/package.json')
    const known: Record<string, string> = { ...pinned, ...Object.fromEntries(ours) }
    const needed = manifests.flatMap((path) =>
      Object.entries(needs(path)).map(([name, version]) => ({ path, name, version })),
    )
    expect(needed.length).toBeGreaterThan(0)
    expect(needed.filter(({ name, version }) => known[name] !== version)).toEqual([])
    const names = needed.map(({ name }) => name)
    expect(Object.keys(pinned).filter((name) => !names.includes(name))).toEqual([])
  })

  it('have a README, a row in the table, and a test that starts them', () => {
    const table = read('examples/README.md')
    const tests = files.filter((path) => path.startsWith('tests/examples/test/')).map(read)
    const folders = new Set(files.flatMap((path) => /^examples\/([\w-]+)\//.exec(path)?.[1] ?? []))
    const missing = [...folders].filter(
      (name) =>
        !files.includes(`examples/${name}/README.md`) ||
        !table.includes(`](${name}/README.md)`) ||
        !tests.some((text) => text.includes(`'${name}'`)),
    )
    expect(missing).toEqual([])
  })
})
