import { element } from '../dom.js'
import type { Excerpt, RecordedRequest } from './recording-fetch.js'

/** Older requests are dropped. */
const MAX_ENTRIES = 30
const MAX_VALUE_LENGTH = 200

const MEANINGS: Readonly<Record<string, string>> = {
  '/v1/chat/secure_completion': 'Your conversation, encrypted',
  '/.well-known/ohttp-gateway': 'Your conversation, encrypted',
  '/pki/wire2': 'Fetch of the key statement',
  '/pki/wire2/vouch': 'Question that only the holder of the server key can answer',
  '/pki/public_key': 'Fetch of the server key',
  '/pki/attestation': 'Fetch of the evidence for its keys',
  '/v1/models': 'Fetch of the list of models',
}

/** The requests that left the browser, newest first. */
export class TrafficPanel {
  readonly #list: HTMLElement
  readonly #entries = new Map<number, HTMLDetailsElement>()

  constructor(list: HTMLElement) {
    this.#list = list
  }

  /** Adds a request, or updates it with its response. */
  show(number: number, request: RecordedRequest): void {
    const parts = [summary(request), ...contents(request)]
    const shown = this.#entries.get(number)
    if (shown !== undefined) {
      // A new element would be closed, also where the reader has opened this one.
      shown.replaceChildren(...parts)
      return
    }
    const entry = element('details', {}, ...parts)
    this.#entries.set(number, entry)
    this.#list.querySelector('.empty')?.remove()
    this.#list.prepend(element('li', {}, entry))
    const [oldest] = this.#entries.keys()
    if (this.#entries.size <= MAX_ENTRIES || oldest === undefined) return
    this.#entries.get(oldest)?.parentElement?.remove()
    this.#entries.delete(oldest)
  }
}

function summary({ method, url, sent, response }: RecordedRequest): HTMLElement {
  const { pathname } = new URL(url)
  const outcome =
    response === undefined
      ? 'no response yet'
      : response === 'none'
        ? 'no response'
        : `response ${response.status}, ${size(response.body)}`
  return element(
    'summary',
    {},
    element('strong', {}, MEANINGS[pathname] ?? 'Another request'),
    element('span', { class: 'path' }, `${method} ${pathname}`),
    element('span', { class: 'small' }, `sent ${size(sent)}, ${outcome}`),
  )
}

function contents({ url, headers, sent, response }: RecordedRequest): readonly HTMLElement[] {
  const rows = headers.map(([name, value]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, shortened(value))),
  )
  return [
    ...(sent === undefined ? [] : body('Request', sent)),
    ...(typeof response === 'object' ? body('Response', response.body) : []),
    element('h3', {}, 'Address'),
    element('p', { class: 'raw' }, url),
    element('h3', {}, 'Headers set by the page'),
    element('dl', { class: 'raw headers' }, ...rows),
  ]
}

/** Shortens long values: a public key takes a kilobyte. */
function shortened(value: string): string {
  return value.length <= MAX_VALUE_LENGTH
    ? value
    : `${value.slice(0, MAX_VALUE_LENGTH)}… (${value.length.toLocaleString('en')} characters)`
}

function body(heading: string, excerpt: Excerpt): readonly HTMLElement[] {
  const isCut = excerpt.bytes === undefined || excerpt.bytes > excerpt.start.length
  return [
    element('h3', {}, `${heading}: ${size(excerpt)}${isCut ? ', beginning' : ''}`),
    element('pre', { tabindex: '0' }, isCut ? `${excerpt.start}…` : excerpt.start),
  ]
}

function size(excerpt: Excerpt | undefined): string {
  if (excerpt === undefined) return 'no body'
  return excerpt.bytes === undefined ? 'a body' : `${excerpt.bytes.toLocaleString('en')} bytes`
}
