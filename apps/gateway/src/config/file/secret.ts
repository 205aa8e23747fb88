import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { Environment } from '../options/flag.js'

/** A key as text, or where to find it: `{ env: NAME }` or `{ file: PATH }`. */
export function secretSchema(environment: Environment) {
  const error = 'must be text, { env: NAME } or { file: PATH }'
  const place = z.union(
    [z.string(), z.strictObject({ env: z.string() }), z.strictObject({ file: z.string() })],
    { error },
  )
  return place.transform((given, context) => {
    const secret = typeof given === 'string' ? given : find(given, environment)
    // An empty or unsendable key would look like protection and be none, or lock everybody out.
    if (secret !== undefined && /^[\x21-\x7e]+$/.test(secret)) return secret
    context.addIssue(
      secret === undefined
        ? 'cannot be found where it should be'
        : 'must be visible ASCII characters, without blanks',
    )
    return z.NEVER
  })
}

function find(
  place: { env: string } | { file: string },
  environment: Environment,
): string | undefined {
  if ('env' in place) return environment[place.env]
  try {
    return readFileSync(place.file, 'utf8').trim()
  } catch {
    return undefined
  }
}
