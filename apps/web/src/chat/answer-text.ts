import { element } from '../dom.js'

/**
 * Converts an answer to elements: text with its white space, and code between fences of three
 * backticks. Nothing else is interpreted: no links, no images, no markup.
 */
export function answerText(text: string): readonly HTMLElement[] {
  return answerParts(text).map(({ kind, text: content }) =>
    kind === 'code'
      ? element('pre', { tabindex: '0' }, element('code', {}, content))
      : element('p', { class: 'text' }, content),
  )
}

/** Shows a text in an element; of a text that has grown, only the end is changed. */
export function updateText(shown: HTMLElement, text: string): void {
  const parts = answerText(text)
  for (const [at, part] of parts.entries()) {
    const before = shown.children[at]
    if (before === undefined) shown.append(part)
    else if (before.tagName !== part.tagName) before.replaceWith(part)
    else if (before.textContent !== part.textContent) before.replaceChildren(...part.childNodes)
  }
  while (shown.children.length > parts.length) shown.lastElementChild?.remove()
}

/** A part of an answer, never empty. */
export interface AnswerPart {
  readonly kind: 'text' | 'code'
  readonly text: string
}

/** Splits an answer into its parts, in time linear in its length. */
export function answerParts(text: string): readonly AnswerPart[] {
  // Every second part is code; an open fence ends with the text.
  return text
    .split(/^```/m)
    .map((part, at): AnswerPart =>
      at % 2 === 0 ? { kind: 'text', text: paragraph(part) } : { kind: 'code', text: code(part) },
    )
    .filter((part) => part.text !== '')
}

function paragraph(part: string): string {
  // Without the lookbehind, every newline of a long run would start a search of its own.
  return part.replace(/^\n+/, '').replace(/(?<!\n)\n+$/, '')
}

/** Drops the rest of the first line, which names a language. */
function code(part: string): string {
  return part.replace(/^[^\n]*(?:\n|$)/, '').replace(/\n$/, '')
}
