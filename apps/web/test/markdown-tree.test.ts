import { describe, expect, it } from 'vitest'
import { markdownTree, type MarkdownNode } from '../src/chat/markdown/markdown-tree.js'

describe('the Markdown of an answer', () => {
  it.each([
    ['a **b** *c* ~~d~~ `e`\nf', 'p.text[a strong[b] em[c] s[d] code[e] \n f]'],
    ['# a\n###### b', 'h4[a] h6[b]'],
    ['- a\n- b\n\n3. c', 'ul[li[a] li[b]] ol{3}[li[c]]'],
    ['> a\n\n---', 'blockquote[p.text[a]] hr[]'],
    ['a  \nb', 'p.text[a br[] b]'],
    ['```js x\na\n\n```', 'figure.code[figcaption[span[js] button.quiet[Copy code]] pre[code[a]]]'],
    ['```\nopen', 'figure.code[figcaption[span[Code] button.quiet[Copy code]] pre[code[open]]]'],
    ['|a|b|\n|-|-:|\n|1|2|', TABLE()],
    ['[a](https://b.example/c)', 'p.text[a{https://b.example/c}[a] (b.example)]'],
    ['https://b.example/c', 'p.text[a{https://b.example/c}[https://b.example/c]]'],
    ['[https://a.example](https://b.example)', HOST_OF_ANOTHER()],
    ['<mailto:a@b.example>', 'p.text[a{mailto:a@b.example}[mailto:a@b.example]]'],
    ['![a *b*](https://c.example/d.png)', IMAGE()],
  ])('%j', (markdown, tree) => {
    expect(shown(markdownTree(markdown))).toBe(tree)
  })

  it.each([
    '<img src=x onerror=alert(1)>',
    '<a href="x">y</a>',
    '<!-- a --> <![CDATA[x]]> <?php ?>',
    '[x](javascript:alert(1))',
    '![x](javascript:alert(1))',
    '[x](data:text/html,y)',
    '![x](data:image/png;base64,AAAA)',
    '[x](blob:https://a.example/y)',
    '[x](ftp://a.example/y)',
    '[x](/v1/models)',
    '[x](//a.example/y)',
    '<javascript:alert(1)>',
    'readme.md a.example a@b.example',
  ])('has no link, no image and no markup of its own: %j', (markdown) => {
    expect(tagsOf(markdownTree(markdown)).filter((tag) => !['p', 'span'].includes(tag))).toEqual([])
  })

  it.each([
    // The first letter is Cyrillic.
    'https://\u0430pple.example/',
    '<https://\u0430pple.example/>',
    '[https://apple.example/](https://\u0430pple.example/)',
  ])('names the host of a link as it is resolved: %s', (markdown) => {
    expect(shown(markdownTree(markdown))).toContain('] (xn--pple-43d.example)]')
  })

  it.each([
    ['quotations', '> '.repeat(20_000)],
    ['lists', '* * '.repeat(10_000) + 'a'],
    ['emphasis', 'a*_'.repeat(10_000)],
    ['tables', `${'a|'.repeat(1000)}\n${'-|'.repeat(1000)}\n${'x\n'.repeat(200)}`],
    ['lines', '\n'.repeat(1_000_000)],
    ['backticks', '`a'.repeat(20_000)],
  ])('that is hostile stays bounded: %s', (_name, markdown) => {
    const tree = markdownTree(markdown)
    expect(depthOf(tree)).toBeLessThan(250)
    expect(tagsOf(tree).length).toBeLessThan(100_000)
  })

  it('that is very long ends as plain text, without a loss', () => {
    const tree = markdownTree(`${'*a*\n'.repeat(12_000)}${'*b* '.repeat(12_000)}`)
    expect(tree).toHaveLength(2)
    expect(tree[1]).toEqual({
      tag: 'p',
      attributes: { class: 'text' },
      children: ['*b* '.repeat(12_000)],
    })
    const [rest] = markdownTree('a'.repeat(60_000)).slice(1)
    expect(shown([rest ?? ''])).toBe(`p.text[${'a'.repeat(10_000)}]`)
  })
})

function TABLE(): string {
  return 'div.table[table[thead[tr[th[a] th.right[b]]] tbody[tr[td[1] td.right[2]]]]]'
}

function HOST_OF_ANOTHER(): string {
  return 'p.text[a{https://b.example/}[https://a.example] (b.example)]'
}

function IMAGE(): string {
  return 'p.text[a{https://c.example/d.png}[Image, not loaded: a *b*] (c.example)]'
}

/** Writes a tree in a line. */
function shown(nodes: readonly MarkdownNode[]): string {
  return nodes
    .map((node) => {
      if (typeof node === 'string') return node === '\n' ? node : node.trim()
      const { class: kind, href, start } = node.attributes
      const own = `${kind === undefined ? '' : `.${kind}`}${brace(href ?? start)}`
      return `${node.tag}${own}[${shown(node.children)}]`
    })
    .filter((text) => text !== '')
    .join(' ')
}

const brace = (text: string | undefined): string => (text === undefined ? '' : `{${text}}`)

const tagsOf = (nodes: readonly MarkdownNode[]): readonly string[] =>
  nodes.flatMap((node) => (typeof node === 'string' ? [] : [node.tag, ...tagsOf(node.children)]))

const depthOf = (nodes: readonly MarkdownNode[]): number =>
  Math.max(0, ...nodes.map((node) => (typeof node === 'string' ? 0 : 1 + depthOf(node.children))))
