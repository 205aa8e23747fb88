/** Where a command writes, and how. */
export interface Output {
  /** One line, or an empty one. */
  readonly line: (text?: string) => void
  /** One line for people, on standard error: results are never among them. */
  readonly note: (text?: string) => void
  /** Text in one of a few meanings; coloured on a terminal only. */
  readonly style: Style
  /** The same for notes. */
  readonly noteStyle: Style
  /** Whether lines go to a terminal. */
  readonly isTerminal: boolean
  /** Shows that something takes its time, until the work is done. */
  readonly progress: <T>(what: string, work: Promise<T>) => Promise<T>
  /** The same on standard error, on a terminal only, once it takes longer than a second. */
  readonly waiting: <T>(what: string, work: Promise<T>) => Promise<T>
}

/** Meanings, not colours. */
export interface Style {
  readonly title: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly warn: (text: string) => string
  readonly quiet: (text: string) => string
}

/** How often a running clock is redrawn. */
const TICK_MS = 100
/** Work that is done by then needs no clock. */
const PATIENCE_MS = 1000

/** Output for people: colours and a running clock on a terminal, plain lines elsewhere. */
export function createOutput(
  stream: NodeJS.WriteStream,
  notes: NodeJS.WriteStream,
  environment: NodeJS.ProcessEnv,
): Output {
  const terminal = stream.isTTY
  const mayColour = (environment['NO_COLOR'] ?? '') === ''
  const line = (text = ''): void => {
    stream.write(`${text}\n`)
  }
  return {
    line,
    note: (text = '') => {
      notes.write(`${text}\n`)
    },
    style: createStyle(terminal && mayColour),
    noteStyle: createStyle(notes.isTTY && mayColour),
    isTerminal: terminal,
    progress: (what, work) =>
      terminal ? runningClock(stream, what, work) : plainProgress(line, what, work),
    waiting: (what, work) => (notes.isTTY ? patientClock(notes, what, work) : work),
  }
}

/**
 * A text of others as it may go to a terminal: without what a terminal obeys. Line breaks and tabs
 * stay.
 */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (one) => (one === '\n' || one === '\t' ? one : ''))

/** The same where it must not begin another line either. */
export const oneLine = (text: string): string => printable(text).replace(/\s+/g, ' ')

/** JSON for programs, in which a terminal finds nothing to obey either. */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value, undefined, 2).replace(
    /[\u007f-\u009f\p{Bidi_Control}]/gu,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

function createStyle(coloured: boolean): Style {
  const paint =
    (code: number) =>
    (text: string): string =>
      coloured ? `\u001b[${String(code)}m${text}\u001b[0m` : text
  return { title: paint(1), good: paint(32), bad: paint(31), warn: paint(33), quiet: paint(2) }
}

async function runningClock<T>(
  stream: NodeJS.WriteStream,
  what: string,
  work: Promise<T>,
): Promise<T> {
  const start = performance.now()
  const draw = (end: string): void => {
    stream.write(`\r\u001b[2K   ${what} ... ${seconds(start)}${end}`)
  }
  draw('')
  const timer = setInterval(draw, TICK_MS, '')
  try {
    return await work
  } finally {
    clearInterval(timer)
    draw('\n')
  }
}

/** Leaves nothing behind. */
async function patientClock<T>(
  stream: NodeJS.WriteStream,
  what: string,
  work: Promise<T>,
): Promise<T> {
  const start = performance.now()
  const clock = { drawn: false }
  const timer = setInterval(() => {
    if (performance.now() - start < PATIENCE_MS) return
    clock.drawn = true
    stream.write(`\r\u001b[2K${what} ... ${seconds(start)}`)
  }, TICK_MS)
  try {
    return await work
  } finally {
    clearInterval(timer)
    if (clock.drawn) stream.write('\r\u001b[2K')
  }
}

async function plainProgress<T>(
  line: (text: string) => void,
  what: string,
  work: Promise<T>,
): Promise<T> {
  const start = performance.now()
  line(`   ${what} ...`)
  try {
    return await work
  } finally {
    line(`   ... took ${seconds(start)}`)
  }
}

const seconds = (start: number): string => `${((performance.now() - start) / 1000).toFixed(1)} s`
