/** Where a command writes, and how. */
export interface Output {
  /** One line, or an empty one. */
  readonly line: (text?: string) => void
  /** Text in one of a few meanings; coloured on a terminal only. */
  readonly style: Style
  /** Shows that something takes its time, until the work is done. */
  readonly progress: <T>(what: string, work: Promise<T>) => Promise<T>
}

/** Meanings, not colours. */
export interface Style {
  readonly title: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly quiet: (text: string) => string
}

/** How often a running clock is redrawn. */
const TICK_MS = 100

/** Output for people: colours and a running clock on a terminal, plain lines elsewhere. */
export function createOutput(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): Output {
  const terminal = stream.isTTY
  const coloured = terminal && (environment['NO_COLOR'] ?? '') === ''
  const line = (text = ''): void => {
    stream.write(`${text}\n`)
  }
  return {
    line,
    style: createStyle(coloured),
    progress: (what, work) =>
      terminal ? runningClock(stream, what, work) : plainProgress(line, what, work),
  }
}

function createStyle(coloured: boolean): Style {
  const paint =
    (code: number) =>
    (text: string): string =>
      coloured ? `\u001b[${String(code)}m${text}\u001b[0m` : text
  return { title: paint(1), good: paint(32), bad: paint(31), quiet: paint(2) }
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
