/**
 * Name of a key of a Redis Cluster: names with the same prefix and tag are in the same slot, so that
 * one script may use several. A tag may be any text, such as the name of an API key.
 */
export function hashTagged(prefix: string, tag: string, ...rest: readonly string[]): string {
  // Redis hashes the part between the first braces, unless it is empty.
  const hashed = tag.replace(/[%{}]/g, (character) => encodeURIComponent(character))
  return [prefix, `{${hashed === '' ? '%' : hashed}}`, ...rest].join(':')
}
