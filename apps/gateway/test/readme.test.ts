import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { optionsTable, type OptionDefinitions } from '@nomyo-internal/command-line'
import { expect, it } from 'vitest'
import { OPTIONS } from '../src/config/schema.js'
import { RELAY_OPTIONS } from '../src/relay/options.js'

const TABLES: readonly (readonly [string, OptionDefinitions])[] = [
  ['../README.md', OPTIONS],
  ['../../../docs/gateway/relay.md', RELAY_OPTIONS],
]

// `vitest --update` writes the files.
it.each(TABLES)('%s lists the options of the schema', async (path, options) => {
  const file = join(import.meta.dirname, path)
  const text = await readFile(file, 'utf8')
  const [before = '', rest = ''] = text.split('<!-- options -->')
  const [, after = ''] = rest.split('<!-- /options -->')
  const table = `\n\n${optionsTable(options)}\n\n`
  const generated = [before, '<!-- options -->', table, '<!-- /options -->', after].join('')
  await expect(generated).toMatchFileSnapshot(file)
})
