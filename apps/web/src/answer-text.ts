import { element } from './element.js'

/**
 * An answer as elements: its text, white space kept, and what stands between fences of three
 * backticks as code. Nothing else in it means anything: no links, no images, no markup.
 */
export function answerText(text: string): readonly HTMLElement[] {
  return answerParts(text).map(({ kind, text: inside }) =>
    kind === 'code'
      ? element('pre', { tabindex: '0' }, element('code', {}, inside))
      : element('p', { class: 'text' }, inside),
  )
}

/** A stretch of an answer, never empty. */
export interface AnswerPart {
  readonly kind: 'text' | 'code'
  readonly text: string
}

/** What {@link answerText} shows, in time linear in the length of the text. */
export function answerParts(text: string): readonly AnswerPart[] {
  // Every second part is code; a fence that is never closed ends with the text.
  return text
    .split(/^```/m)
    .map((part, at): AnswerPart =>
      at % 2 === 0 ? { kind: 'text', text: paragraph(part) } : { kind: 'code', text: code(part) },
    )
    .filter((part) => part.text !== '')
}

function paragraph(part: string): string {
  // Without looking behind, every newline of a long run within would begin a search of its own.
  return part.replace(/^\n+/, '').replace(/(?<!\n)\n+$/, '')
}

/** The rest of the line a fence begins on names a language, which is of no use here. */
function code(part: string): string {
  return part.replace(/^[^\n]*(?:\n|$)/, '').replace(/\n$/, '')
}
