import { expect, it } from 'vitest'
import * as testkit from '../src/index.js'

it('has this surface and no other', () => {
  expect(Object.keys(testkit).sort()).toEqual([
    'TestkitError',
    'faults',
    'startTestGateway',
    'testKeyPair',
  ])
  expect(Object.keys(testkit.faults).sort()).toEqual([
    'compressedBomb',
    'empty',
    'endless',
    'garbageKey',
    'hang',
    'html',
    'modelError',
    'otherRequest',
    'oversized',
    'plaintext',
    'rateLimited',
    'redirect',
    'reflected',
    'replayed',
    'reset',
    'scalar',
    'slowBody',
    'status',
    'tampered',
    'truncated',
    'unavailable',
    'weakKey',
    'wrongRecipient',
  ])
})
