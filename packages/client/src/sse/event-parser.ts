import { SecurityError } from '@nomyo/crypto/errors'

/** A server-sent event. */
export interface ServerSentEvent {
  readonly event: string | undefined
  readonly data: string
}

/** In UTF-16 units: more is an attempt to fill memory. */
const MAX_EVENT_LENGTH = 16 * 1024 * 1024

/**
 * Parses server-sent events (WHATWG HTML, section 9.2) as they arrive: `data` and `event`; comments, ids and
 * times are ignored. An event that its end does not follow is none.
 */
export class EventParser {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  #line = ''
  #data: string[] = []
  #event: string | undefined
  #length = 0
  #endsWithReturn = false

  /**
   * Takes the next bytes and returns the events that they complete.
   *
   * @throws SecurityError `ERR_PLAINTEXT_INVALID` for text that is no UTF-8; `ERR_ENVELOPE_TOO_LARGE` for an
   * event that is too long
   */
  push(part: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = []
    let text = this.#decode(part)
    // The second half of a line break, of which the first ended the last part.
    if (this.#endsWithReturn && text !== '') {
      if (text.startsWith('\n')) text = text.slice(1)
      this.#endsWithReturn = false
    }
    if (text.endsWith('\r')) this.#endsWithReturn = true
    const lines = text.split(/\r\n|\r|\n/)
    const rest = lines.pop() ?? ''
    for (const [at, line] of lines.entries()) {
      const event = this.#endLine(at === 0 ? this.#line + line : line)
      if (event !== undefined) events.push(event)
    }
    this.#line = lines.length === 0 ? this.#line + rest : rest
    if (this.#line.length + this.#length > MAX_EVENT_LENGTH) throw tooLong()
    return events
  }

  #decode(part: Uint8Array): string {
    try {
      return this.#decoder.decode(part, { stream: true })
    } catch {
      throw new SecurityError('ERR_PLAINTEXT_INVALID', 'The stream is not UTF-8.')
    }
  }

  #endLine(line: string): ServerSentEvent | undefined {
    if (line === '') return this.#endEvent()
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') this.#event = value
    if (name === 'data') {
      this.#data.push(value)
      // With its line break: also lines of nothing take memory.
      this.#length += value.length + 1
      if (this.#length > MAX_EVENT_LENGTH) throw tooLong()
    }
    return undefined
  }

  #endEvent(): ServerSentEvent | undefined {
    const event =
      this.#data.length === 0 ? undefined : { event: this.#event, data: this.#data.join('\n') }
    this.#data = []
    this.#event = undefined
    this.#length = 0
    return event
  }
}

const tooLong = (): SecurityError =>
  new SecurityError('ERR_ENVELOPE_TOO_LARGE', 'An event of the stream is larger than allowed.')
