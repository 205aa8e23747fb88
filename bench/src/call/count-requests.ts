const HEAD_MARK = 'HTTP/1.1\r\n'

/**
 * Counts the HTTP/1.1 requests in the bytes of one connection as they arrive: every request line ends
 * with this mark, and JSON, which both sides send on one line, contains no line break.
 *
 * @returns a function that takes the next bytes and returns the number of requests that begin in them
 */
export function countRequests(): (part: Buffer) => number {
  let rest = ''
  return (part) => {
    const text = rest + part.toString('latin1')
    rest = text.slice(-(HEAD_MARK.length - 1))
    return text.split(HEAD_MARK).length - 1
  }
}
