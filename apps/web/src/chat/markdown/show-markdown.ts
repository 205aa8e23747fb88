import { element } from '../../dom.js'
import { markdownTree, type MarkdownNode } from './markdown-tree.js'

/** Shows an answer in an element; of an answer that has grown, only what differs is changed. */
export function showMarkdown(shown: HTMLElement, text: string): void {
  update(
    shown,
    markdownTree(text).map((node) => toDom(node)),
  )
}

function toDom(node: MarkdownNode): Node {
  if (typeof node === 'string') return document.createTextNode(node)
  return element(node.tag, node.attributes, ...node.children.map((child) => toDom(child)))
}

/** Selections, focus and scrolled code outlive the arrival of more text. */
function update(shown: Element, nodes: readonly Node[]): void {
  for (const [at, node] of nodes.entries()) {
    const before = shown.childNodes[at]
    if (before === undefined) shown.append(node)
    else if (before instanceof Text && node instanceof Text) {
      if (before.data !== node.data) before.data = node.data
    } else if (before instanceof Element && node instanceof Element && isSimilar(before, node)) {
      update(before, [...node.childNodes])
    } else before.replaceWith(node)
  }
  while (shown.childNodes.length > nodes.length) shown.lastChild?.remove()
}

const isSimilar = (one: Element, other: Element): boolean =>
  one.cloneNode(false).isEqualNode(other.cloneNode(false))
