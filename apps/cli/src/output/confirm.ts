import { createInterface } from 'node:readline/promises'
import { UsageError, type CommandContext } from '@nomyo-internal/command-line'

/**
 * Asks a yes-or-no question on the terminal; any answer but yes is no.
 *
 * @param alternative - options to give where there is no terminal
 * @throws UsageError where standard input or standard error is no terminal
 */
export async function confirm(
  question: string,
  alternative: string,
  { stdin, stderr }: CommandContext,
): Promise<boolean> {
  if (stdin.isTTY !== true || stderr.isTTY !== true) {
    throw new UsageError(`a question needs a terminal; give ${alternative}`)
  }
  const terminal = createInterface({ input: stdin, output: stderr })
  try {
    const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')))
    return isYes(await Promise.race([terminal.question(`${question} [y/N] `), ended]))
  } finally {
    terminal.close()
  }
}

/** Tells whether an answer is yes. */
export const isYes = (answer: string): boolean => /^\s*y(?:es)?\s*$/i.test(answer)
