import type { z } from 'zod'

/** Path of a member in a file. */
export type Path = readonly PropertyKey[]

/** Returns the path and the problem of an issue. */
export function describeIssue(issue: z.core.$ZodIssue): [Path, string] {
  if (issue.code !== 'unrecognized_keys') return [issue.path, issue.message]
  const [unknown = ''] = issue.keys
  return [[...issue.path, unknown], 'is not a known member']
}

/** Formats a path, as `upstreams[0].url`. */
export const pathText = (path: Path): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${String(part)}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')

/** Reports every name that repeats an earlier one. */
export function refuseRepeatedNames(
  entries: readonly { readonly name: string }[],
  context: z.RefinementCtx,
): void {
  const names = new Set<string>()
  for (const [at, { name }] of entries.entries()) {
    if (names.has(name)) {
      context.addIssue({ code: 'custom', path: [at, 'name'], message: 'is not unique' })
    }
    names.add(name)
  }
}
