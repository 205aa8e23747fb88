import { createInterface, type Interface } from 'node:readline/promises'
import type { CommandContext } from '@nomyo-internal/command-line'

/** Longest time between two lines that were pasted together, and are one message. */
const PASTE_MS = 15

/**
 * Reads messages from a terminal, with editing and a history in memory. Several lines pasted at once
 * are one message.
 */
export class LineReader {
  readonly #terminal: Interface
  #lines: string[] = []
  #timer: NodeJS.Timeout | undefined
  #waiting: ((message: string | undefined) => void) | undefined
  #ended = false

  /**
   * @param words - words that Tab completes
   * @param onInterrupt - listener of Ctrl-C
   */
  constructor(
    { stdin, stdout }: CommandContext,
    words: readonly string[],
    onInterrupt: () => void,
  ) {
    this.#terminal = createInterface({
      input: stdin,
      output: stdout,
      terminal: true,
      completer: (line: string): [string[], string] => [
        words.filter((word) => word.startsWith(line)),
        line,
      ],
    })
    this.#terminal.on('line', (line) => {
      this.#lines.push(line)
      this.#deliverSoon()
    })
    this.#terminal.on('SIGINT', onInterrupt)
    this.#terminal.on('close', () => {
      this.#ended = true
      this.#deliverSoon()
    })
  }

  /** Waits for the next message; undefined at the end of input. */
  next(prompt: string): Promise<string | undefined> {
    if (!this.#ended) {
      this.#terminal.setPrompt(prompt)
      this.#terminal.prompt()
    }
    return new Promise((resolve) => {
      this.#waiting = resolve
      if (this.#lines.length > 0 || this.#ended) this.#deliverSoon()
    })
  }

  /** Clears the line being typed. */
  clear(): void {
    if (this.#terminal.line !== '') this.#terminal.write(null, { ctrl: true, name: 'u' })
  }

  /** Shows the prompt. */
  prompt(): void {
    this.#terminal.prompt()
  }

  close(): void {
    this.#terminal.close()
  }

  #deliverSoon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      const waiting = this.#waiting
      if (waiting === undefined) return
      this.#waiting = undefined
      const lines = this.#lines
      this.#lines = []
      waiting(lines.length === 0 ? undefined : lines.join('\n'))
    }, PASTE_MS)
  }
}
