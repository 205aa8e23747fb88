// Builds the documentation site, and reads it in Chromium as people do: on a phone and on a desk, light and
// dark. Fails where a link leads nowhere, a page is wider than the screen or asks another host.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHROMIUM_PATH, isInstalled } from '@nomyo-internal/testing'
import { chromium, type Browser, type Page } from 'playwright-core'
import { buildSite } from './build.js'

const HOST = 'http://site.example'
const WIDTHS = [360, 1280]

/** One page as a reader has it. */
interface Read {
  readonly path: string
  /** Addresses that its links lead to, on this site. */
  readonly links: readonly string[]
  readonly anchors: readonly string[]
}

/** Starts a Chromium that asks for nothing but the pages. */
export function launchBrowser(): Promise<Browser> {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
  return chromium.launch({ executablePath: CHROMIUM_PATH, args })
}

/**
 * Reads every page that links of the site lead to.
 *
 * @returns everything wrong with the site
 */
export async function checkSite(folder: string, browser: Browser): Promise<string[]> {
  const findings: string[] = []
  const pages = new Map<string, Read>()
  for (const width of WIDTHS) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme })
      await page.route('**', (route) => {
        const { origin, pathname } = new URL(route.request().url())
        const file = join(folder, pathname.endsWith('/') ? `${pathname}index.html` : pathname)
        if (origin === HOST && existsSync(file)) return route.fulfill({ path: file })
        findings.push(`${page.url()}: asks for ${route.request().url()}`)
        return route.abort()
      })
      page.on('pageerror', (error) => findings.push(`${page.url()}: ${error.message}`))
      page.on('console', (message) => {
        // Refused requests of other hosts are reported above.
        const isOwn = message.location().url.startsWith(HOST)
        if (message.type() === 'error' && isOwn) findings.push(`${page.url()}: ${message.text()}`)
      })
      await crawl(page, folder, pages, (finding) =>
        findings.push(`${finding}, ${width} px, ${colorScheme}`),
      )
      await page.close()
    }
  }
  if (pages.size < 2) findings.push('no link leads from the first page to another')
  return [...new Set([...findings, ...deadLinks(folder, pages), ...deadReferenceLinks(folder)])]
}

/** Reads pages from the first on, except the many of the API reference. */
async function crawl(
  page: Page,
  folder: string,
  pages: Map<string, Read>,
  report: (finding: string) => void,
): Promise<void> {
  const queue = ['/index.html']
  for (const path of queue) {
    await page.goto(HOST + path, { waitUntil: 'load' })
    const { links, anchors, tooWide } = await page.evaluate(() => ({
      links: [...document.querySelectorAll<HTMLAnchorElement>('a[href]')].map(({ href }) => href),
      anchors: [...document.querySelectorAll('[id]')].map(({ id }) => id),
      tooWide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    }))
    if (tooWide > 0) report(`${path}: ${tooWide} px wider than the screen`)
    const own = links.filter((link) => link.startsWith(HOST)).map((link) => link.slice(HOST.length))
    pages.set(path, { path, links: own, anchors })
    for (const link of own) {
      const [to = ''] = link.split('#')
      const isPage = existsSync(join(folder, to)) && !to.startsWith('/reference/')
      if (isPage && !queue.includes(to)) queue.push(to)
    }
  }
}

function deadLinks(folder: string, pages: ReadonlyMap<string, Read>): string[] {
  return [...pages.values()].flatMap(({ path, links }) =>
    links.flatMap((link) => {
      const [to = '', anchor] = link.split('#')
      if (!existsSync(join(folder, to))) return [`${path}: ${link}: no such page`]
      const known = pages.get(to)?.anchors
      if (!anchor || known === undefined || known.includes(decodeURIComponent(anchor))) return []
      return [`${path}: ${link}: no such heading`]
    }),
  )
}

/** Checks the links of the API reference, whose generator knows nothing of the site around it. */
function deadReferenceLinks(folder: string): string[] {
  if (!existsSync(join(folder, 'reference'))) return []
  const names = readdirSync(join(folder, 'reference'), { recursive: true, encoding: 'utf8' })
  return names.flatMap((name) => {
    if (!name.endsWith('.html')) return []
    const path = `/reference/${name}`
    const links = readFileSync(join(folder, path), 'utf8').matchAll(/<a href="([^"#]+)/g)
    return [...links].flatMap(([, link = '']) => {
      const { origin, pathname } = new URL(link, HOST + path)
      const isDead = origin === HOST && !existsSync(join(folder, decodeURIComponent(pathname)))
      return isDead ? [`${path}: ${link}: no such page`] : []
    })
  })
}

if (process.argv[1] === import.meta.filename) {
  const out = mkdtempSync(join(tmpdir(), 'nomyo-site-'))
  try {
    await buildSite({ out, base: '/', repository: 'https://example.com/' })
    if (isInstalled('chromium')) {
      const browser = await launchBrowser()
      const findings = await checkSite(out, browser).finally(() => browser.close())
      for (const finding of findings) console.error(finding)
      if (findings.length > 0) process.exitCode = 1
    } else {
      console.log('The documentation site was built, and not looked at: chromium is missing.')
    }
  } finally {
    rmSync(out, { recursive: true })
  }
}
