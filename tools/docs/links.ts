import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readMarkdown, type Markdown } from './markdown.js'
import { slugOf } from './slug.mjs'

const LINKS = [/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g, /\b(?:href|src|srcset)="([^"]+)"/g]

/**
 * Finds the links of a file to missing files and headings of this repository. Other links are not followed.
 */
export function linkFindings({ file, prose }: Markdown, root: string): string[] {
  return prose.flatMap((line, index) => {
    const text = line.replace(/`[^`]*`/g, '``')
    const targets = LINKS.flatMap((pattern) => [...text.matchAll(pattern)].map(([, to = '']) => to))
    return targets.flatMap((target) => {
      const fault = faultOf(target, join(root, file))
      return fault === undefined ? [] : [`${file}:${index + 1}: ${target}: ${fault}`]
    })
  })
}

/** Lists the anchors that GitHub gives the headings of a file. */
export function anchorsOf({ prose }: Markdown): string[] {
  const seen = new Map<string, number>()
  return prose.flatMap((line) => {
    const heading = /^#{1,6} +(.*?) *#*$/.exec(line)?.[1]
    if (heading === undefined) return []
    const slug = slugOf(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'))
    const count = seen.get(slug) ?? 0
    seen.set(slug, count + 1)
    return [count === 0 ? slug : `${slug}-${count}`]
  })
}

/** @param from - absolute */
function faultOf(target: string, from: string): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(target)) return undefined
  const [path = '', anchor] = target.split('#')
  const to = path === '' ? from : resolve(dirname(from), decodeURIComponent(path))
  if (!existsSync(to)) return 'no such file'
  if (anchor === undefined || !statSync(to).isFile() || !to.endsWith('.md')) return undefined
  const anchors = anchorsOf(readMarkdown(to, readFileSync(to, 'utf8')))
  return anchors.includes(anchor) ? undefined : 'no such heading'
}
