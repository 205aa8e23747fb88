const HEAD_MARK = 'HTTP/1.1\r\n'

/**
 * Counts the HTTP/1.1 requests in the bytes of one connection, as they come: every request line ends in
 * this mark, and JSON, which both sides send on one line, cannot hold a line break.
 *
 * @returns takes the next bytes and gives how many more requests have begun
 */
export function countRequests(): (part: Buffer) => number {
  let rest = ''
  return (part) => {
    const text = rest + part.toString('latin1')
    rest = text.slice(-(HEAD_MARK.length - 1))
    return text.split(HEAD_MARK).length - 1
  }
}
