/**
 * Reads a body as a whole.
 *
 * @param onBytes - receives the number of bytes so far; an error of it ends the connection
 */
export async function readAll(
  body: AsyncIterable<unknown>,
  onBytes: (total: number) => void,
): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of body as AsyncIterable<Buffer>) {
    length += part.length
    onBytes(length)
    parts.push(part)
  }
  return Buffer.concat(parts, length)
}
