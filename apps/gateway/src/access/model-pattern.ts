/** Whether a model is one of these. A `*` stands for any text, everything else for itself. */
export function matchesModel(patterns: readonly string[], model: string): boolean {
  return patterns.some((pattern) => matches(pattern, model))
}

/** By hand and not by a regular expression: models are of callers, and may be long. */
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
