/**
 * Returns the first name that one object of a JSON text has twice: readers disagree about the value that
 * counts, so a file that decides trust must not have one.
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
