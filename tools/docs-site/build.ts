// Builds the documentation site from the Markdown of the repository and the comments of the sources:
// tsx tools/docs-site/build.ts [--out DIR] [--base PATH] [--repository URL] [--previous DIR]
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { argv, env, execPath } from 'node:process'
import { parseArgs } from 'node:util'
import { installPinned } from '@nomyo-internal/testing/install-locked'
import { readManifest } from '../workspace.mjs'
import { pagesByGroup, rewriteLinks } from './pages.js'

const root = resolve(import.meta.dirname, '../..')

/** Where a site is built, and from what. */
export interface SiteOptions {
  /** The folder of the site; what it contains is replaced. */
  readonly out: string
  /** The path of the site on its host, with a slash at both ends. */
  readonly base: string
  /** The address of the files of the repository, with a slash at its end. */
  readonly repository: string
  /** The folder of an earlier site, whose references of other versions are kept. */
  readonly previous?: string | undefined
}

/**
 * Builds the site.
 *
 * @throws Unavailable where its generator cannot be installed
 */
export async function buildSite(options: SiteOptions): Promise<void> {
  const generator = await installPinned(import.meta.dirname, 'docs-site', 'node_modules/vitepress')
  const scratch = mkdtempSync(join(tmpdir(), 'nomyo-site-'))
  try {
    const versions = writeReferences(join(scratch, 'public/reference'), options)
    writePages(scratch, options, versions)
    symlinkSync(join(generator, 'node_modules'), join(scratch, 'node_modules'), 'dir')
    const vitepress = join(generator, 'node_modules/vitepress/bin/vitepress.js')
    run([vitepress, 'build', scratch, '--outDir', resolve(options.out)])
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/** Writes the reference of this version beside those of an earlier site; returns the versions, newest first. */
function writeReferences(folder: string, { base, previous }: SiteOptions): string[] {
  const { version = '' } = readManifest(join(root, 'packages/nomyo-js'))
  const earlier = previous === undefined ? undefined : join(previous, 'reference')
  if (earlier !== undefined && existsSync(earlier)) cpSync(earlier, folder, { recursive: true })
  const words = ['--out', join(folder, version), '--name', `NOMYO for TypeScript ${version}`]
  const typedoc = join(root, 'node_modules/typedoc/bin/typedoc')
  run([typedoc, ...words], { NOMYO_DOCS_SITE: `${base}index.html` })
  const numeric = new Intl.Collator('en', { numeric: true })
  return readdirSync(folder).sort((one, other) => numeric.compare(other, one))
}

/** Writes the pages, their images, and the configuration of the generator. */
function writePages(folder: string, { base, repository }: SiteOptions, versions: string[]): void {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '*.md']
  const names = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\n')
  const sources = names.filter((name) => name !== '' && existsSync(join(root, name)))
  const read = (source: string): string => readFileSync(join(root, source), 'utf8')
  const groups = pagesByGroup(new Map(sources.map((source) => [source, read(source)])))
  const pages = [...groups.values()].flat()
  const images = readdirSync(join(root, 'docs/images'))
  const targets = new Map([
    ...pages.map(({ source, target }) => [source, target] as const),
    ...images.map((name) => [`docs/images/${name}`, `images/${name}`] as const),
  ])

  for (const page of pages) {
    const path = join(folder, page.target)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, rewriteLinks(page, read(page.source), targets, repository))
  }
  cpSync(join(root, 'docs/images'), join(folder, 'images'), { recursive: true })

  const sidebar = [...groups].map(([{ text }, items]) => ({
    text,
    items: items.map(({ title, target }) => ({ text: title, link: `/${target.slice(0, -3)}` })),
  }))
  const site = { base, repository, sidebar, versions }
  const configuration = join(folder, '.vitepress')
  mkdirSync(configuration)
  cpSync(join(import.meta.dirname, 'vitepress.config.mjs'), join(configuration, 'config.mjs'))
  // At the place from which the configuration imports it.
  cpSync(join(root, 'tools/docs/slug.mjs'), join(folder, 'docs/slug.mjs'))
  writeFileSync(join(configuration, 'site.json'), JSON.stringify(site))
}

/** The address of the files in the repository that the packages name, or of a host that does not exist. */
function repositoryFiles(): string {
  const { repository } = readManifest(join(root, 'packages/nomyo-js'))
  const url = repository?.url ?? 'https://repository.example'
  return `${url.replace(/^git\+|\.git$/g, '')}/blob/main/`
}

function run(words: readonly string[], more: Readonly<Record<string, string>> = {}): void {
  const stdio = ['ignore', 'inherit', 'inherit'] as const
  execFileSync(execPath, words, { cwd: root, env: { ...env, ...more }, stdio: [...stdio] })
}

if (argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'docs-site' },
      base: { type: 'string', default: '/' },
      repository: { type: 'string', default: repositoryFiles() },
      previous: { type: 'string' },
    },
  })
  await buildSite(values)
  console.log(`The site is in ${values.out}; any server of static files shows it.`)
}
