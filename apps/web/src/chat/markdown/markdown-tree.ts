import MarkdownIt, { type MarkdownIt as Parser, type Token } from 'markdown-it'

/** An element of the tags and attributes in this file, or a text. */
export type MarkdownNode = string | MarkdownElement

/** Element of an answer. */
export interface MarkdownElement {
  readonly tag: MarkdownTag
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly MarkdownNode[]
}

/** The tags that an answer can have: none of them loads anything. */
export type MarkdownTag = (typeof TAGS)[number]

const TAGS = [
  ...(['p', 'h4', 'h5', 'h6', 'ul', 'ol', 'li', 'blockquote', 'hr', 'br'] as const),
  ...(['strong', 'em', 's', 'code', 'a', 'span', 'pre', 'figure', 'figcaption', 'button'] as const),
  ...(['div', 'table', 'thead', 'tbody', 'tr', 'th', 'td'] as const),
] as const

/** The rest of a longer answer is shown as plain text: the time to parse hostile text grows faster than its length. */
const MAX_LENGTH = 50_000
const MAX_LANGUAGE_LENGTH = 20
const SCHEMES = ['https:', 'http:', 'mailto:']

const parser = createParser()

/**
 * Parses an answer as Markdown. Its HTML is text, its images are links, and its links are absolute and name their
 * host.
 */
export function markdownTree(text: string): readonly MarkdownNode[] {
  const { markdown, rest } = split(text)
  const parsed = convert(parser.parse(markdown, {}))
  return rest === '' ? parsed : [...parsed, node('p', { class: 'text' }, rest)]
}

function createParser(): Parser {
  const created = new MarkdownIt({ html: false, linkify: true })
  // Only addresses with a scheme: `readme.md` is no website.
  created.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false })
  return created
}

function split(text: string): { readonly markdown: string; readonly rest: string } {
  if (text.length <= MAX_LENGTH) return { markdown: text, rest: '' }
  const end = text.lastIndexOf('\n', MAX_LENGTH)
  const at = end > 0 ? end : MAX_LENGTH
  return { markdown: text.slice(0, at), rest: text.slice(at).replace(/^\n/, '') }
}

/** An element that is still open. */
interface Open extends MarkdownElement {
  readonly children: MarkdownNode[]
  /** Address of a link, and its readable part. */
  readonly target?: { readonly address: string; readonly place: string }
}

function convert(tokens: readonly Token[]): readonly MarkdownNode[] {
  const root: MarkdownNode[] = []
  const open: Open[] = []
  for (const token of tokens) {
    const siblings = open.at(-1)?.children ?? root
    // Paragraphs of lists without empty lines.
    if (token.hidden) continue
    if (token.nesting === 1) {
      const opened = openedBy(token)
      siblings.push(opened.tag === 'table' ? tableFrame(opened) : opened)
      open.push(opened)
    } else if (token.nesting === -1) {
      const closed = open.pop()
      const after = open.at(-1)?.children ?? root
      if (closed !== undefined) after.push(...noteBehind(closed))
    } else {
      siblings.push(...leaves(token))
    }
  }
  return root
}

function openedBy(token: Token): Open {
  const { tag } = token
  const own = (name: string): string => String(token.attrGet(name) ?? '')
  const heading = /^h([1-6])$/.exec(tag)?.[1]
  // Below the heading with the author.
  if (heading !== undefined) return opened(`h${Math.min(6, Number(heading) + 3)}`, {})
  if (tag === 'a') return link(own('href'))
  if (tag === 'p') return opened('p', { class: 'text' })
  const start = own('start')
  if (tag === 'ol' && /^\d+$/.test(start)) return opened('ol', { start })
  const side = /^text-align:(left|center|right)$/.exec(own('style'))?.[1]
  return opened(tag, side === undefined ? {} : { class: side })
}

function link(address: string): Open {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined || !SCHEMES.includes(url.protocol)) {
    return { ...opened('span', {}), target: { address, place: address } }
  }
  const attributes = { href: url.href, target: '_blank', rel: 'noopener noreferrer' }
  const place = url.host === '' ? url.pathname : url.host
  return { ...opened('a', attributes), target: { address, place } }
}

/** Shows the host of a link as it is resolved, unless the text of the link is its address. */
function noteBehind({ target, children }: Open): readonly string[] {
  const isAddress = children.length === 1 && children[0] === target?.address
  if (target === undefined || isAddress) return []
  return [` (${target.place})`]
}

function tableFrame(table: Open): MarkdownElement {
  const attributes = { class: 'table', tabindex: '0', role: 'region', 'aria-label': 'Table' }
  return { tag: 'div', attributes, children: [table] }
}

function leaves(token: Token): readonly MarkdownNode[] {
  const { type, content, children, info } = token
  switch (type) {
    case 'inline':
      return convert(children ?? [])
    case 'softbreak':
      return ['\n']
    case 'hardbreak':
      return [node('br', {})]
    case 'hr':
      return [node('hr', {})]
    case 'code_inline':
      return [node('code', {}, content)]
    case 'code_block':
    case 'fence':
      return [code(content.replace(/\n$/, ''), info)]
    case 'image': {
      const shown = link(String(token.attrGet('src') ?? ''))
      shown.children.push(`Image, not loaded: ${content}`)
      return [shown, ...noteBehind(shown)]
    }
    default:
      return [content]
  }
}

function code(content: string, info: string): MarkdownElement {
  const language = (/^\S+/.exec(info.trim())?.[0] ?? 'Code').slice(0, MAX_LANGUAGE_LENGTH)
  const copy = node('button', { type: 'button', class: 'quiet', 'data-copy': 'code' }, 'Copy code')
  return node(
    'figure',
    { class: 'code' },
    node('figcaption', {}, node('span', {}, language), copy),
    node('pre', { tabindex: '0' }, node('code', {}, content)),
  )
}

function node(
  tag: MarkdownTag,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly MarkdownNode[]
): MarkdownElement {
  return { tag, attributes, children }
}

function opened(tag: string, attributes: Readonly<Record<string, string>>): Open {
  return { tag: TAGS.find((known) => known === tag) ?? 'span', attributes, children: [] }
}
