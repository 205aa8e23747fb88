/** Checks whether any pattern matches a model. A `*` stands for any text. */
export function matchesModel(patterns: readonly string[], model: string): boolean {
  return patterns.some((pattern) => matches(pattern, model))
}

/** Matches without a regular expression, whose time could explode on a long name from a caller. */
function matches(pattern: string, model: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return model === pattern
  if (!model.startsWith(first)) return false
  let at = first.length
  for (const part of rest) {
    const found = model.indexOf(part, at)
    if (found === -1) return false
    at = found + part.length
  }
  return model.length - last.length >= at && model.endsWith(last)
}
