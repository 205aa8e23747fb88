import { OptionProblem } from './usage-error.js'

/** Reads one value of an option. */
export type ValueParser<T> = (text: string) => T

/**
 * Makes a parser of one that throws other errors, or gives undefined, for a wrong value.
 *
 * @param problem - continues a sentence that begins with the option
 */
export function parsedBy<T>(
  parse: (text: string) => T | undefined,
  problem: string,
): ValueParser<T> {
  return (text) => {
    try {
      const value = parse(text)
      if (value !== undefined) return value
    } catch (error) {
      if (error instanceof OptionProblem) throw error
    }
    throw new OptionProblem(problem)
  }
}

/** Makes a parser that takes texts of one form as they are. */
export const matching = (form: RegExp, problem: string): ValueParser<string> =>
  parsedBy((text) => (form.test(text) ? text : undefined), problem)

/** Reads a port, 0 for any free one. */
export const portNumber: ValueParser<number> = wholeNumber(0, 65_535)

/** Reads a key, a token or a password that travels in a header. */
export const visibleAscii: ValueParser<string> = matching(
  /^[\x21-\x7e]+$/,
  'must be visible ASCII characters, without blanks',
)

/**
 * Makes a parser of the base URL of a gateway, without a slash at its end. Programs add `/v1/…` themselves: the
 * address of OpenAI's API, which ends in `/v1`, would lead to nothing.
 *
 * @param parse - reads a base URL; throws for other texts
 */
export function gatewayUrl(parse: (text: string) => URL): ValueParser<string> {
  const read = parsedBy(
    (text) => parse(text).href.replace(/\/+$/, ''),
    'must be a URL such as https://gateway.example, without user, query or fragment',
  )
  return (text) => {
    const url = read(text)
    if (!url.endsWith('/v1')) return url
    throw new OptionProblem('must end before /v1, which is added to it')
  }
}

/**
 * Makes a parser of the URL of a relay.
 *
 * @param parse - reads a URL; throws for other texts
 */
export const relayUrl = (parse: (text: string) => URL): ValueParser<string> =>
  parsedBy(
    (text) => parse(text).href,
    'must be a URL such as https://relay.example, without user, query or fragment',
  )

/** Wire of requests to a gateway; `auto` is 2 where the gateway offers it. */
export type Wire = 'auto' | 1 | 2

/** Option of every program that sends requests to a gateway. */
export const WIRE_OPTION = {
  value: 'WIRE',
  summary: 'protocol version: auto uses 2 if the gateway offers it, else 1; 2 and 1 allow no other',
  default: 'auto',
  choices: ['auto', '1', '2'],
  parse: (text: string): Wire => (text === '1' ? 1 : text === '2' ? 2 : 'auto'),
} as const

/** Reads the origin of a web page as browsers send it: host in lower case, no default port. */
export function webOrigin(text: string): string {
  if (text.includes('*')) throw new OptionProblem('takes no patterns: name each origin')
  if (text === 'null') {
    throw new OptionProblem(
      'null is the origin of every sandboxed page; give the page an origin of its own',
    )
  }
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(text)) {
    throw new OptionProblem('needs a scheme and a host, such as https://app.example')
  }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.host === '') {
    throw new OptionProblem('must be scheme://host or scheme://host:port; give it once per origin')
  }
  if (/[@/?#]/.test(text.slice(text.indexOf('://') + 3))) {
    throw new OptionProblem('must end after host and port, as browsers send it')
  }
  return `${url.protocol}//${url.host}`
}

/** Makes a parser of whole numbers. */
export function wholeNumber(min: number, max: number): ValueParser<number> {
  return numberIn(/^\d{1,9}$/, min, max, `must be a whole number from ${min} to ${max}`)
}

/** Makes a parser of decimal numbers. */
export function decimalNumber(min: number, max: number): ValueParser<number> {
  return numberIn(/^\d+(?:\.\d+)?$/, min, max, `must be a number from ${min} to ${max}`)
}

const TIME_UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Reads a whole number with a unit (`90s`, `10m`, `24h`, `7d`) as milliseconds; undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const unitMs = TIME_UNITS[unit]
  return unitMs === undefined ? undefined : Number(digits) * unitMs
}

/**
 * Makes a parser of times, which gives milliseconds.
 *
 * @param min - shortest time, such as `1s`
 * @param max - longest time, such as `30d`
 * @param example - times for the message, such as `90s, 10m or 24h`
 */
export function duration(min: string, max: string, example: string): ValueParser<number> {
  const [minMs = 0, maxMs = Infinity] = [parseDuration(min), parseDuration(max)]
  return parsedBy(
    (text) => inRange(parseDuration(text), minMs, maxMs),
    `must be a time from ${min} to ${max}, such as ${example}`,
  )
}

const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, kib: 1024, mib: 1024 ** 2 }

/** Reads a number of bytes, or of `KiB` or `MiB`; undefined if it is none. */
function parseSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,12})\s*([a-z]*)$/i.exec(text) ?? []
  const bytes = SIZE_UNITS[unit.toLowerCase()]
  return digits === undefined || bytes === undefined ? undefined : Number(digits) * bytes
}

/** Makes a parser of sizes, which gives bytes. Limits are such as `1KiB`. */
export function byteSize(min: string, max: string): ValueParser<number> {
  const [minBytes = 0, maxBytes = Infinity] = [parseSize(min), parseSize(max)]
  return parsedBy(
    (text) => inRange(parseSize(text), minBytes, maxBytes),
    `must be a size from ${min} to ${max}, such as 16MiB or 500000`,
  )
}

function numberIn(form: RegExp, min: number, max: number, problem: string): ValueParser<number> {
  return parsedBy((text) => inRange(form.test(text) ? Number(text) : undefined, min, max), problem)
}

const inRange = (value: number | undefined, min: number, max: number): number | undefined =>
  value !== undefined && value >= min && value <= max ? value : undefined
