/** More names are counted only. */
const MAX_NAMES = 10

/** Names by what happened to them. */
export interface NameChanges {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
}

/** Describes a change of named things, as `upstreams (added gpu-2; removed gpu-1)`; undefined for none. */
export function describeNames(
  things: string,
  { added, removed, changed }: NameChanges,
): string | undefined {
  const parts = Object.entries({ added, removed, changed })
    .filter(([, names]) => names.length > 0)
    .map(([verb, names]) => `${verb} ${listOf(names)}`)
  return parts.length === 0 ? undefined : `${things} (${parts.join('; ')})`
}

const listOf = (names: readonly string[]): string =>
  names.length > MAX_NAMES
    ? `${names.slice(0, MAX_NAMES).join(', ')} and ${names.length - MAX_NAMES} more`
    : names.join(', ')
