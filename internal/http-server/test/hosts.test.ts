import { expect, it } from 'vitest'
import { hostInUrl, isLoopback, isWildcard } from '../src/index.js'

it.each([
  ['localhost', true],
  ['LOCALHOST', true],
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['::1', true],
  ['[::1]', true],
  ['0.0.0.0', false],
  ['127.0.0.1.evil.example', false],
  ['127.0.0.999', false],
  ['localhost.evil.example', false],
  ['[::2]', false],
  ['', false],
])('%s is loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

it('wildcards and hosts of URLs', () => {
  expect(['0.0.0.0', '::', '127.0.0.1'].map(isWildcard)).toEqual([true, true, false])
  expect(['::1', 'Name', '127.0.0.1'].map(hostInUrl)).toEqual(['[::1]', 'name', '127.0.0.1'])
})
