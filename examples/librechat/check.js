// Checks librechat.yaml against the schema of LibreChat, which leaves out members that it does not know.
import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
import { configSchema } from 'librechat-data-provider'

const config = load(readFileSync(new URL('librechat.yaml', import.meta.url), 'utf8'))
const { success, data, error } = configSchema.safeParse(config)

const problems = success
  ? unknownIn(config, data).map((path) => `${path}: no such member`)
  : error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
else console.log('librechat.yaml is valid')

/** Lists the members of a value that are missing in what the schema made of it. */
function unknownIn(given, parsed, path = []) {
  if (parsed === undefined) return [path.join('.')]
  if (typeof given !== 'object' || given === null) return []
  return Object.entries(given).flatMap(([name, value]) =>
    unknownIn(value, parsed[name], [...path, name]),
  )
}
