import type { CommandContext } from '@nomyo-internal/command-line'

/** Destination of the texts of a command. */
export interface Output {
  /** Writes one line of results, or an empty one. */
  readonly line: (text?: string) => void
  /** Writes a part of a line of results. */
  readonly write: (text: string) => void
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
    write: (text) => {
      stdout.write(text)
    },
    note: (text = '') => {
      stderr.write(`${text}\n`)
    },
    style: createStyle(terminal && mayColour),
    noteStyle: createStyle(noteTerminal && mayColour),
    isTerminal: terminal,
    progress: (what, work) => {
      const clear = terminal ? '\r\u001b[2K' : ''
      if (!terminal) line(`   ${what} ...`)
      return withClock(work, {
        tick: (time) => terminal && stdout.write(`${clear}   ${what} ... ${time}`),
        end: (time) => line(terminal ? `${clear}   ${what} ... ${time}` : `   ... took ${time}`),
      })
    },
    waiting: (what, work) =>
      noteTerminal
        ? withClock(work, {
            tick: (time, ms) => ms >= PATIENCE_MS && stderr.write(`\r\u001b[2K${what} ... ${time}`),
            end: (_, ms) => ms >= PATIENCE_MS && stderr.write('\r\u001b[2K'),
          })
        : work,
  }
}

function createStyle(coloured: boolean): Style {
  const paint =
    (code: number) =>
    (text: string): string =>
      coloured ? `\u001b[${String(code)}m${text}\u001b[0m` : text
  return { title: paint(1), good: paint(32), bad: paint(31), warn: paint(33), quiet: paint(2) }
}

type ClockListener = (time: string, ms: number) => unknown

/** Reports the time that work takes, as `1.2 s` and in milliseconds, while it runs and at its end. */
async function withClock<T>(
  work: Promise<T>,
  { tick, end }: { readonly tick: ClockListener; readonly end: ClockListener },
): Promise<T> {
  const start = performance.now()
  const report = (listener: ClockListener): void => {
    const ms = performance.now() - start
    listener(`${(ms / 1000).toFixed(1)} s`, ms)
  }
  report(tick)
  const timer = setInterval(report, TICK_MS, tick)
  try {
    return await work
  } finally {
    clearInterval(timer)
    report(end)
  }
}
