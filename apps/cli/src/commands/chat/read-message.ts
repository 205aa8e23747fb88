import { UsageError, type CommandContext } from '@nomyo-internal/command-line'
import { readStream } from '../../files.js'

/** Limit of standard input: a gateway accepts 16 MiB, encrypted and in base64. */
const MAX_MEBIBYTES = 8

/**
 * Reads the message: the arguments, followed by standard input where that is no terminal. Gives undefined
 * when there is neither, and standard input is a terminal.
 *
 * @throws UsageError when both are empty, or standard input is too long or not text
 */
export async function readMessage(
  operands: readonly string[],
  stdin: CommandContext['stdin'],
): Promise<string | undefined> {
  const argument = operands.join(' ').trim()
  if (stdin.isTTY === true) return argument === '' ? undefined : argument
  const attached = decode(await readStream(stdin, MAX_MEBIBYTES)).trimEnd()
  const message = [argument, attached].filter((text) => text !== '').join('\n\n')
  if (message === '') throw new UsageError('give a message, or text on standard input')
  return message
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UsageError('standard input is not UTF-8 text')
  }
}
