import { join } from 'node:path'
import { startProgram } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'

it.each([
  ['without', []],
  ['with', ['--']],
])('the demo takes options %s the separator of pnpm', async (_, separator) => {
  const script = join(import.meta.dirname, '../demo.mjs')
  const { code, stdout } = await startProgram(
    process.execPath,
    [script, ...separator, '--help'],
    {},
  ).ended
  expect({ code, namesModel: stdout.includes('--model FILE') }).toEqual({
    code: 0,
    namesModel: true,
  })
})
