import type { CommandContext } from '@nomyo-internal/command-line'

/** Destination of the texts of a command. */
export interface Output {
  /** Writes one line of results, or an empty one. */
  readonly line: (text?: string) => void
  /** Writes one line for people to standard error, never a result. */
  readonly note: (text?: string) => void
  /** Styles of lines; coloured on a terminal only. */
  readonly style: Style
  /** Styles of notes. */
  readonly noteStyle: Style
  /** Lines go to a terminal. */
  readonly isTerminal: boolean
  /** Shows the time that work takes, until it is done. */
  readonly progress: <T>(what: string, work: Promise<T>) => Promise<T>
  /** Shows it on standard error, on a terminal only, once it is longer than a second. */
  readonly waiting: <T>(what: string, work: Promise<T>) => Promise<T>
}

/** Styles of text by meaning. */
export interface Style {
  readonly title: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly warn: (text: string) => string
  readonly quiet: (text: string) => string
}

/** Interval at which a running clock is redrawn. */
const TICK_MS = 100
/** Duration from which on work shows a clock. */
const PATIENCE_MS = 1000

/** Creates output for people: colours and a running clock on a terminal, plain lines elsewhere. */
export function createOutput({ stdout, stderr, environment }: CommandContext): Output {
  const terminal = stdout.isTTY === true
  const noteTerminal = stderr.isTTY === true
  const mayColour = (environment['NO_COLOR'] ?? '') === ''
  const line = (text = ''): void => {
    stdout.write(`${text}\n`)
  }
  return {
    line,
    note: (text = '') => {
      stderr.write(`${text}\n`)
    },
    style: createStyle(terminal && mayColour),
    noteStyle: createStyle(noteTerminal && mayColour),
    isTerminal: terminal,
    progress: (what, work) =>
      terminal ? runningClock(stdout, what, work) : plainProgress(line, what, work),
    waiting: (what, work) => (noteTerminal ? patientClock(stderr, what, work) : work),
  }
}

function createStyle(coloured: boolean): Style {
  const paint =
    (code: number) =>
    (text: string): string =>
      coloured ? `\u001b[${String(code)}m${text}\u001b[0m` : text
  return { title: paint(1), good: paint(32), bad: paint(31), warn: paint(33), quiet: paint(2) }
}

async function runningClock<T>(
  stream: NodeJS.WritableStream,
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

/** Shows a clock that disappears with the end of the work. */
async function patientClock<T>(
  stream: NodeJS.WritableStream,
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
