/** Parses the JSON object in a text; returns undefined for any other text. The caller limits its size. */
export function parseJsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Policies and receipts nest some ten levels; deeper ones exhaust a recursive reader. */
const MAX_DEPTH = 64
/** Characters of a name in a message. */
const MAX_NAME = 64

/**
 * Returns why a JSON text must not decide trust: an object has a member twice, so that readers disagree about
 * its value, or the text is nested too deeply. Continues a sentence that begins with the subject.
 *
 * @param json - a text that `JSON.parse` accepts
 */
export function jsonFlaw(json: string): string | undefined {
  const open: Set<string>[] = []
  for (const [token, text = '', colon] of json.matchAll(
    /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g,
  )) {
    if (token === '{' || token === '[') {
      if (open.push(new Set()) > MAX_DEPTH) return 'is nested too deeply'
    } else if (token === '}' || token === ']') open.pop()
    else if (colon !== undefined) {
      const name = JSON.parse(text) as string
      const names = open.at(-1)
      if (names?.has(name) === true) {
        return `has the member ${JSON.stringify(name.slice(0, MAX_NAME))} twice in one object`
      }
      names?.add(name)
    }
  }
  return undefined
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** True for an object with exactly these own members. */
export function hasExactly(
  value: unknown,
  names: readonly string[],
): value is Record<string, unknown> {
  return (
    isRecord(value) &&
    Object.keys(value).length === names.length &&
    names.every((name) => Object.hasOwn(value, name))
  )
}
