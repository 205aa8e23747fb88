import { expect, it } from 'vitest'
import { repeatedMember } from '../src/index.js'

it.each([
  ['{"a":1,"a":1}', 'a'],
  ['{"a":1,"\\u0061" \n:1}', 'a'],
  ['{"x":[{"b":{},"b":{}}]}', 'b'],
  ['{"":1,"":1}', ''],
  ['{"__proto__":1,"__proto__":1}', '__proto__'],
  ['{"a":{"c":1},"b":{"c":1},"c":"\\"","c":2}', 'c'],
])('is found: %s', (json, name) => {
  JSON.parse(json)
  expect(repeatedMember(json)).toBe(name)
})

it.each([
  '{}',
  '[]',
  '"a"',
  '{"a":{"a":{"a":"a"}},"b":[{"a":1},{"a":1}]}',
  '{"a":"{\\"b\\":1,\\"b\\":1}","b":"\\\\","c":"}"}',
])('is not found: %s', (json) => {
  JSON.parse(json)
  expect(repeatedMember(json)).toBeUndefined()
})

it('is found behind texts of megabytes', () => {
  const long = JSON.stringify('\n"\\'.repeat(500_000))
  expect(repeatedMember(`{"a":${long},"a":1}`)).toBe('a')
})
