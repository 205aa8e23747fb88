import { expect, it } from 'vitest'
import { describeDebugger } from '../src/index.js'

it.each([
  [[], false],
  [['--max-old-space-size=4096', '--import x'], false],
  [['--inspect-port=9230'], false],
  [['--inspect'], true],
  [['--import x --inspect=0.0.0.0:9229 --y'], true],
  [['', '--inspect-brk'], true],
  [['--inspect-wait=0'], true],
])('a debugger asked for by %j is reported: %s', (options, expected) => {
  expect(describeDebugger(options) !== undefined).toBe(expected)
})
