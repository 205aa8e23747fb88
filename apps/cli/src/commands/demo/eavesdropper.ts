/** Width of a terminal of 80 columns, without the margin and the arrow. */
const WIDTH = 72
/** Lines of a body that are shown, so that its ciphertext is visible. */
const BODY_LINES = 3
/** Headers that differ between requests. */
const SHOWN_HEADERS = /^(POST|HTTP|content-(type|length)|x-|authorization)/i

/** Recorded bytes of both directions. */
export interface Recording {
  readonly toGateway: string
  readonly toClient: string
}

/** Formats the last request and its answer as an eavesdropper reads them, shortened to fit a terminal. */
export function eavesdrop(recording: Recording): string[] {
  return [
    ...shorten('>', lastMessage(recording.toGateway, 'POST ')),
    ...shorten('<', lastMessage(recording.toClient, 'HTTP/1.1 ')),
  ]
}

/**
 * Searches recorded bytes for a text: as it is, and in base64 at each of the three offsets that a group
 * of bytes can have. Gives the form found.
 */
export function findIn(recorded: string, text: string): 'plain' | 'base64' | undefined {
  const bytes = Buffer.from(text)
  if (recorded.includes(bytes.toString('latin1'))) return 'plain'
  const shifted = [0, 1, 2].map((shift) => {
    const base64 = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
    // The characters at both ends also depend on the neighbours.
    return base64.slice(4, -4)
  })
  return shifted.some((spelling) => recorded.includes(spelling)) ? 'base64' : undefined
}

function lastMessage(recorded: string, start: string): string {
  return recorded.slice(Math.max(recorded.lastIndexOf(start), 0))
}

function shorten(mark: string, message: string): string[] {
  const end = message.indexOf('\r\n\r\n')
  const head = end === -1 ? message : message.slice(0, end)
  const body = end === -1 ? '' : visible(message.slice(end + 4))
  const lines = head.split('\r\n').filter((header) => SHOWN_HEADERS.test(header))
  return [...lines, '', ...bodyLines(body)].map((text) =>
    `   ${mark} ${clip(text, WIDTH)}`.trimEnd(),
  )
}

/** Replaces bytes that a terminal cannot show. */
const visible = (bytes: string): string => bytes.replaceAll(/[^\x20-\x7e]/g, '.')

function bodyLines(body: string): string[] {
  const lines: string[] = []
  for (let line = 0; line < BODY_LINES - 1; line++) {
    lines.push(body.slice(line * WIDTH, (line + 1) * WIDTH))
  }
  return [...lines, body.slice((BODY_LINES - 1) * WIDTH)]
}

function clip(text: string, width: number): string {
  if (text.length <= width) return text
  const more = ` ... ${text.length} characters`
  return text.slice(0, width - more.length) + more
}
