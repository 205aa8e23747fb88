import { platform } from '#crypto-platform'

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** An envelope has fewer strings than this; who sends more is not worth the search. */
const MAX_STRINGS = 64

/** JSON with one of its strings taken out. */
export interface CutJson {
  /** What stood between the quotes, as it was written. */
  readonly string: Uint8Array
  /** The JSON, with {@link placeholder} in its place. */
  readonly rest: Uint8Array
  /** Made anew each time, so that nothing sent can hold it. */
  readonly placeholder: string
}

/**
 * Takes the first long string out of JSON. Neither is judged: `rest` has the same structure as the
 * whole if the string is one that JSON allows. Undefined when there is no such string, or when one
 * before it has an escaped quote, as no envelope has.
 */
export function cutLongString(json: Uint8Array, leastBytes: number): CutJson | undefined {
  if (json.length <= leastBytes) return undefined
  let open = platform.indexOfByte(json, QUOTE, 0)
  for (let strings = 0; open !== -1 && strings < MAX_STRINGS; strings++) {
    const close = platform.indexOfByte(json, QUOTE, open + 1)
    if (close === -1 || json[close - 1] === BACKSLASH) return undefined
    if (close - open > leastBytes) return cut(json, open + 1, close)
    open = platform.indexOfByte(json, QUOTE, close + 1)
  }
  return undefined
}

function cut(json: Uint8Array, start: number, end: number): CutJson {
  const placeholder = crypto.randomUUID()
  const instead = new TextEncoder().encode(placeholder)
  const rest = new Uint8Array(start + instead.length + json.length - end)
  rest.set(json.subarray(0, start))
  rest.set(instead, start)
  rest.set(json.subarray(end), start + instead.length)
  return { string: json.subarray(start, end), rest, placeholder }
}
