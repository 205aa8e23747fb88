import { UsageError } from '../exit-codes.js'

/** The gateway takes 16 MiB, sealed and in base64. */
const MAX_BYTES = 8 * 1024 * 1024

/**
 * The message: the arguments, with standard input below them where that is no terminal. Undefined when
 * there is neither and somebody can type.
 *
 * @throws UsageError when both are empty, or it is too long or no text
 */
export async function readMessage(operands: readonly string[]): Promise<string | undefined> {
  const argument = operands.join(' ').trim()
  if (process.stdin.isTTY) return argument === '' ? undefined : argument
  const attached = (await readStandardInput()).trimEnd()
  const message = [argument, attached].filter((text) => text !== '').join('\n\n')
  if (message === '') throw new UsageError('give a message, or text on standard input')
  return message
}

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_BYTES) throw new UsageError('standard input is longer than 8 MiB')
    chunks.push(chunk)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new UsageError('standard input is not UTF-8 text')
  }
}
