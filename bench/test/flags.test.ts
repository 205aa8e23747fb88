import { expect, it } from 'vitest'
import { UsageError, parseFlags } from '../src/flags.js'
import { SECTIONS } from '../src/results.js'

it('everything is measured unless sections are named', () => {
  expect(parseFlags([])).toEqual({
    help: false,
    json: false,
    check: false,
    quick: false,
    plot: undefined,
    only: SECTIONS,
  })
})

it('sections keep the order they are measured in', () => {
  expect(parseFlags(['--only', 'bundles, seal']).only).toEqual(['seal', 'bundles'])
})

it.each([
  [['--chek']],
  [['seal']],
  [['--only']],
  [['--only', '']],
  [['--only', 'seal,cal']],
  [['--plot']],
  [['--json=yes']],
  [['--quick', '--check']],
])('%j is refused', (args) => expect(() => parseFlags(args)).toThrow(UsageError))
