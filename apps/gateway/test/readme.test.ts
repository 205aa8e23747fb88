import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { optionsTable } from '@nomyo-internal/command-line'
import { expect, it } from 'vitest'
import { OPTIONS } from '../src/config/schema.js'

const README = join(import.meta.dirname, '../README.md')

// `vitest --update` writes the file.
it('lists the options of the schema', async () => {
  const text = await readFile(README, 'utf8')
  const [before = '', rest = ''] = text.split('<!-- options -->')
  const [, after = ''] = rest.split('<!-- /options -->')
  const table = `\n\n${optionsTable(OPTIONS)}\n\n`
  const generated = [before, '<!-- options -->', table, '<!-- /options -->', after].join('')
  await expect(generated).toMatchFileSnapshot(README)
})
