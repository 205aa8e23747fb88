import { createInterface } from 'node:readline/promises'
import { UsageError } from './exit-codes.js'

/**
 * Asks a yes-or-no question on the terminal; anything but yes is no.
 *
 * @param otherwise - what to give where nobody can be asked
 * @throws UsageError where standard input or error is no terminal
 */
export async function askPerson(question: string, otherwise: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError(`nobody can be asked here; give ${otherwise}`)
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')))
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), ended])
    return isYes(answer)
  } finally {
    terminal.close()
  }
}

/** Whether an answer says yes. */
export const isYes = (answer: string): boolean => /^\s*y(?:es)?\s*$/i.test(answer)
