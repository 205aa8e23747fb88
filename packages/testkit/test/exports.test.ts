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
    'altered',
    'compressedBomb',
    'empty',
    'endless',
    'expiredStatement',
    'forgedStatement',
    'garbageKey',
    'hang',
    'html',
    'modelError',
    'otherClock',
    'otherIdentity',
    'otherRequest',
    'oversized',
    'plaintext',
    'rateLimited',
    'redirect',
    'reflected',
    'replayed',
    'reset',
    'scalar',
    'sealedStatus',
    'slowBody',
    'status',
    'tampered',
    'truncated',
    'unavailable',
    'unknownRequestKey',
    'weakKey',
    'withoutEnd',
    'wrongRecipient',
  ])
})
