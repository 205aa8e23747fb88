import { PassThrough } from 'node:stream'
import { UsageError, readSettings, runProgram } from '@nomyo-internal/command-line'
import { expect, it } from 'vitest'
import { OPTIONS, benchCommand, checkOptions } from '../src/command.js'
import { SECTIONS } from '../src/measure.js'

function read(args: readonly string[]) {
  const settings = readSettings(OPTIONS, { args })
  checkOptions(settings)
  return settings.values
}

it('everything is measured unless sections are named', () => {
  const values = { json: false, check: false, quick: false, docs: undefined, only: SECTIONS }
  expect(read([])).toEqual(values)
})

it('sections keep the order they are measured in', () => {
  expect(read(['--only', 'bundles, seal']).only).toEqual(['seal', 'bundles'])
})

it.each([
  [['--chek']],
  [['--only']],
  [['--only', '']],
  [['--only', 'seal,cal']],
  [['--docs']],
  [['--json=yes']],
  [['--quick', '--check']],
  [['--quick', '--docs', 'docs']],
  [['--only', 'seal', '--docs', 'docs']],
])('%j is refused', (args) => expect(() => read(args)).toThrow(UsageError))

it('takes no other arguments', async () => {
  const program = { name: 'bench', version: '0', command: benchCommand }
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  expect(await runProgram(program, ['seal'], { environment: {}, stdin, stdout, stderr })).toBe(2)
})
