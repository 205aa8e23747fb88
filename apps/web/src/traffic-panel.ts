import { element } from './element.js'
import type { Excerpt, Exchange } from './recording-fetch.js'

/** Older ones are let go of. */
const SHOWN = 30
const MAX_VALUE_LENGTH = 200

const MEANINGS: Readonly<Record<string, string>> = {
  '/v1/chat/secure_completion': 'Your conversation, sealed',
  '/pki/public_key': 'Question: which key to seal for',
  '/pki/attestation': 'Question: what vouches for that key',
  '/v1/models': 'Question: which models there are',
}

/** "What left the browser": every request, newest first. */
export class TrafficPanel {
  readonly #list: HTMLElement
  readonly #entries = new Map<number, HTMLDetailsElement>()

  constructor(list: HTMLElement) {
    this.#list = list
  }

  /** Shows a request, or what has become of it. */
  show(number: number, exchange: Exchange): void {
    const parts = [summary(exchange), ...contents(exchange)]
    const shown = this.#entries.get(number)
    if (shown !== undefined) {
      // Replaced one by one would close it under the eyes of whoever reads.
      shown.replaceChildren(...parts)
      return
    }
    const entry = element('details', {}, ...parts)
    this.#entries.set(number, entry)
    this.#list.querySelector('.empty')?.remove()
    this.#list.prepend(element('li', {}, entry))
    const [oldest] = this.#entries.keys()
    if (this.#entries.size <= SHOWN || oldest === undefined) return
    this.#entries.get(oldest)?.parentElement?.remove()
    this.#entries.delete(oldest)
  }
}

function summary({ method, url, sent, answer }: Exchange): HTMLElement {
  const { pathname } = new URL(url)
  const outcome =
    answer === undefined
      ? 'no answer yet'
      : answer === 'none'
        ? 'no answer'
        : `answer ${answer.status}, ${size(answer.body)}`
  return element(
    'summary',
    {},
    element('strong', {}, MEANINGS[pathname] ?? 'Another request'),
    element('span', { class: 'path' }, `${method} ${pathname}`),
    element('span', { class: 'small' }, `sent ${size(sent)}, ${outcome}`),
  )
}

function contents({ url, headers, sent, answer }: Exchange): readonly HTMLElement[] {
  const rows = headers.map(([name, value]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, shortened(value))),
  )
  return [
    ...(sent === undefined ? [] : body('What was sent', sent)),
    ...(typeof answer === 'object' ? body('What came back', answer.body) : []),
    element('h3', {}, 'Address'),
    element('p', { class: 'raw' }, url),
    element('h3', {}, 'Headers set by the page'),
    element('dl', { class: 'raw headers' }, ...rows),
  ]
}

/** The public half of the reply key takes a kilobyte. */
function shortened(value: string): string {
  return value.length <= MAX_VALUE_LENGTH
    ? value
    : `${value.slice(0, MAX_VALUE_LENGTH)}… (${value.length.toLocaleString('en')} characters)`
}

function body(heading: string, excerpt: Excerpt): readonly HTMLElement[] {
  const isCut = excerpt.bytes === undefined || excerpt.bytes > excerpt.start.length
  return [
    element('h3', {}, `${heading}: ${size(excerpt)}${isCut ? ', the beginning' : ''}`),
    element('pre', { tabindex: '0' }, isCut ? `${excerpt.start}…` : excerpt.start),
  ]
}

function size(excerpt: Excerpt | undefined): string {
  if (excerpt === undefined) return 'no body'
  return excerpt.bytes === undefined ? 'a body' : `${excerpt.bytes.toLocaleString('en')} bytes`
}
