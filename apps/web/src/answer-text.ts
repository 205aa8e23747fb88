import { element } from './element.js'

/**
 * An answer as elements: its text, white space kept, and what stands between fences of three
 * backticks as code. Nothing else in it means anything: no links, no images, no markup.
 */
export function answerText(text: string): readonly HTMLElement[] {
  // Every second part is code; a fence that is never closed ends with the text.
  return text
    .split(/^```/m)
    .map((part, at) => (at % 2 === 0 ? paragraph(part) : code(part)))
    .filter((part) => part.textContent !== '')
}

function paragraph(part: string): HTMLElement {
  return element('p', { class: 'text' }, part.replace(/^\n+|\n+$/g, ''))
}

/** The rest of the line a fence begins on names a language, which is of no use here. */
function code(part: string): HTMLElement {
  const inside = part.replace(/^[^\n]*(?:\n|$)/, '').replace(/\n$/, '')
  return element('pre', { tabindex: '0' }, element('code', {}, inside))
}
