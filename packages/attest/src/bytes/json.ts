/** Parses the JSON object in a text; returns undefined for any other text. The caller limits its size. */
export function parseJsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * Returns the first name that one object of a JSON text has twice: readers disagree about the value that
 * counts.
 *
 * @param json - a text that `JSON.parse` accepts
 */
export function repeatedMember(json: string): string | undefined {
  const objects: Set<string>[] = []
  for (const [token, text = '', colon] of json.matchAll(
    /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}]/g,
  )) {
    if (token === '{') objects.push(new Set())
    else if (token === '}') objects.pop()
    else if (colon !== undefined) {
      const name = JSON.parse(text) as string
      const names = objects.at(-1)
      if (names?.has(name) === true) return name
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
