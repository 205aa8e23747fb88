/** Content of a message, or the code of its refusal. */
export type Reading = { readonly heads: unknown[]; readonly content: string } | string

const TRUNCATED = 'ERR_TRUNCATED'
const INVALID = 'ERR_PLAINTEXT_INVALID'

/** Thrown with a code. */
class Refusal extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

/**
 * Reads a whole Binary HTTP message from RFC 9292, with the limits of the reader under test. It shares no
 * code with that reader.
 */
export function readWhole(kind: 'request' | 'response', message: Buffer): Reading {
  const heads: unknown[] = []
  let content = ''
  let at = 0
  let budget = 0

  const check = (isValid: boolean): void => {
    if (!isValid) throw new Refusal(INVALID)
  }
  const atEnd = (): boolean => at === message.length
  const take = (length: number): Buffer => {
    if (length > message.length - at) throw new Refusal(TRUNCATED)
    at += length
    return message.subarray(at - length, at)
  }
  const number = (): number => {
    const [first = 0] = take(1)
    const rest = take([0, 1, 3, 7][first >> 6] ?? 0)
    const digits = Buffer.concat([Buffer.of(first & 63), rest]).toString('hex')
    const value = BigInt(`0x${digits}`)
    return value > Number.MAX_SAFE_INTEGER ? Infinity : Number(value)
  }
  const spend = (length: number): number => {
    budget -= length
    check(budget >= 0)
    return length
  }
  const field = (name: string, value: string, fields: unknown[]): void => {
    check(/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
    check([...value].every((one) => one === '\t' || (one >= ' ' && one !== '\x7f')))
    check(!/^[ \t]|[ \t]$/.test(value))
    const hop = [
      'connection',
      'keep-alive',
      'proxy-connection',
      'te',
      'transfer-encoding',
      'upgrade',
    ]
    check(!hop.includes(name) && fields.length < 512)
    fields.push([name, value])
  }
  const known = (mayEnd: boolean): unknown[] => {
    const fields: unknown[] = []
    if (mayEnd && atEnd()) return fields
    const section = take(spend(number()))
    const [outerAt, outer] = [at, message]
    message = section
    at = 0
    try {
      while (!atEnd()) {
        const name = take(number()).toString('latin1')
        field(name, take(number()).toString('latin1'), fields)
      }
    } catch {
      throw new Refusal(INVALID)
    } finally {
      message = outer
      at = outerAt
    }
    return fields
  }
  const indeterminate = (mayEnd: boolean): unknown[] => {
    const fields: unknown[] = []
    if (mayEnd && atEnd()) return fields
    for (let length = number(); length > 0; length = number()) {
      const name = take(spend(length)).toString('latin1')
      field(name, take(spend(number())).toString('latin1'), fields)
    }
    return fields
  }

  try {
    const framing = number()
    check(kind === 'request' ? framing === 0 || framing === 2 : framing === 1 || framing === 3)
    const section = framing < 2 ? known : indeterminate
    budget = 65_536
    if (kind === 'request') {
      const texts = [0, 1, 2, 3].map(() => take(spend(number())).toString('latin1'))
      const [method = '', scheme = '', authority = '', path = ''] = texts
      check(/^[A-Z]+$/.test(method) && /^[a-z][a-z0-9+.-]*$/.test(scheme))
      check(/^[!-~]*$/.test(authority) && /^\/[!-~]*$/.test(path))
      heads.push({ type: 'request', method, scheme, authority, path, fields: section(true) })
    } else {
      for (let interim = 0; ; interim++) {
        const status = number()
        const isInterim = status >= 100 && status < 200
        check(isInterim ? interim < 16 : status >= 200 && status < 600)
        const fields = section(!isInterim)
        heads.push({ type: isInterim ? 'interim' : 'response', status, fields })
        budget = 65_536
        if (!isInterim) break
      }
    }
    let length = atEnd() ? 0 : number()
    while (length > 0) {
      check(length !== Infinity)
      content += take(length).toString('latin1')
      length = framing < 2 ? 0 : number()
    }
    budget = 65_536
    const fields = section(true)
    if (fields.length > 0) heads.push({ type: 'trailers', fields })
    check(message.subarray(at).every((byte) => byte === 0))
    return { heads, content }
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}
