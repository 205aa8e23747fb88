import { dirname, join, normalize, relative } from 'node:path/posix'

/** A Markdown file of the repository that the site shows. */
export interface Page {
  /** Relative to the root of the repository. */
  readonly source: string
  /** Relative to the root of the site, with `.md`. */
  readonly target: string
  readonly title: string
}

/** A group of pages in the navigation. */
export interface Group {
  readonly text: string
  /** Files and folders, in the order of the navigation; a file belongs to the first that names it. */
  readonly sources: readonly string[]
}

/** The navigation of the site. */
export const GROUPS: readonly Group[] = [
  {
    text: 'Start',
    sources: [
      'README.md',
      'docs/getting-started.md',
      'docs/security.md',
      'docs/glossary.md',
      'docs/migrating.md',
    ],
  },
  { text: 'Drop-in', sources: ['docs/drop-in/openai-sdk.md', 'docs/drop-in/'] },
  { text: 'Examples', sources: ['examples/README.md', 'examples/'] },
  {
    text: 'Run a gateway',
    sources: [
      'docs/operators.md',
      'docs/gateway/configuration.md',
      'docs/gateway/upstreams.md',
      'docs/gateway/',
      'docs/replicas.md',
      'deploy/',
    ],
  },
  { text: 'Programs', sources: ['apps/gateway/README.md', 'apps/proxy/README.md', 'apps/'] },
  {
    text: 'Packages',
    sources: ['packages/nomyo-js/README.md', 'packages/client/README.md', 'packages/'],
  },
  { text: 'Protocol', sources: ['docs/wire-2.md', 'docs/protocol.md'] },
  {
    text: 'Project',
    sources: [
      'SECURITY.md',
      'ARCHITECTURE.md',
      'docs/performance.md',
      'CONTRIBUTING.md',
      'CHANGELOG.md',
      'CODE_OF_CONDUCT.md',
      'docs/',
    ],
  },
]

/** Where a file of the repository is on the site: `docs/` is its root, and a README is the page of its folder. */
export function targetOf(source: string): string {
  if (source === 'README.md') return 'index.md'
  if (source === 'docs/README.md') return 'guides.md'
  if (source.endsWith('/README.md')) return `${dirname(source)}.md`
  if (!source.includes('/')) return `project/${source.toLowerCase().replaceAll('_', '-')}`
  return source.replace(/^docs\//, '')
}

/**
 * Sorts files into the groups of the navigation. Files that no group names are not on the site, and files
 * without a heading neither: they are data of examples.
 *
 * @param texts - Markdown by path, relative to the root of the repository
 */
export function pagesByGroup(texts: ReadonlyMap<string, string>): Map<Group, Page[]> {
  const titles = new Map([...texts].map(([source, text]) => [source, titleOf(text)]))
  const rest = new Set([...texts.keys()].filter((source) => titles.get(source)).sort())
  // Single files first: a folder has what is left of it.
  const places = GROUPS.flatMap((group) => group.sources.map((source) => ({ group, source })))
  const byPlace = new Map<string, string[]>()
  for (const folders of [false, true]) {
    for (const { source } of places.filter((place) => place.source.endsWith('/') === folders)) {
      const found = [...rest].filter((file) =>
        folders ? file.startsWith(source) : file === source,
      )
      byPlace.set(source, found)
      for (const file of found) rest.delete(file)
    }
  }
  return new Map(
    GROUPS.map((group) => [
      group,
      group.sources.flatMap((place) =>
        (byPlace.get(place) ?? []).map((source) => ({
          source,
          target: targetOf(source),
          title: titles.get(source) ?? source,
        })),
      ),
    ]),
  )
}

/** The text of the first heading. */
function titleOf(text: string): string | undefined {
  return /^# +(.*?) *$/m.exec(text)?.[1]
}

/** Links of Markdown, and of HTML in it. */
const LINK = /(\]\(<?|\b(?:href|src|srcset)=")([^)\s>"]+)/g

/**
 * Leads the links of a page to where their files are on the site. A file that the site does not show leads to
 * the repository.
 *
 * @param targets - places on the site by path in the repository, images included
 * @param repository - address of the folder of the repository, which ends with a slash
 */
export function rewriteLinks(
  { source, target }: Pick<Page, 'source' | 'target'>,
  text: string,
  targets: ReadonlyMap<string, string>,
  repository: string,
): string {
  return outsideOfCode(text, (prose) =>
    prose.replace(LINK, (whole, before: string, link: string) => {
      if (/^(?:[a-z][a-z+.-]*:|#|\/)/i.test(link)) return whole
      const [path = '', anchor] = link.split('#')
      const file = normalize(join(dirname(source), decodeURIComponent(path))).replace(/\/$/, '')
      const to = targets.get(file) ?? targets.get(join(file, 'README.md'))
      const hash = anchor === undefined ? '' : `#${anchor}`
      if (to === undefined) return `${before}${repository}${file}${hash}`
      const place = relative(dirname(target), to)
      return `${before}${place.startsWith('.') ? place : `./${place}`}${hash}`
    }),
  )
}

/** Applies a change to what is neither a fenced block nor code in a line. */
function outsideOfCode(text: string, change: (prose: string) => string): string {
  const code = /^( *)(`{3,}|~{3,})[^]*?^\1\2 *$|`[^`\n]+`/gm
  let end = 0
  const parts: string[] = []
  for (const match of text.matchAll(code)) {
    parts.push(change(text.slice(end, match.index)), match[0])
    end = match.index + match[0].length
  }
  return [...parts, change(text.slice(end))].join('')
}
