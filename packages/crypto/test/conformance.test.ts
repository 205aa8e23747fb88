import { expect, it } from 'vitest'
import * as library from '../src/index.js'
import { conformance } from './conformance.js'
import { conformanceVectors } from './conformance-vectors.js'

const vectors = await conformanceVectors()
const cases = conformance(library, vectors)

it('the suite is complete', () => {
  const { envelopes, malformed, keys } = vectors
  expect([envelopes.length, malformed.length, keys.length]).toEqual([26, 118, 53])
  // The rest needs no vectors.
  expect(cases.length).toBe(26 + 118 + 53 + 20)
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
})

it.each(cases)('$name', ({ run }) => run())

it.each([
  ['opens', { openEnvelope: () => Promise.resolve({ plaintext: new Uint8Array() }) }],
  ['refuses', { openJson: () => Promise.resolve({ value: {} }) }],
  ['reads', { importPublicKey: () => Promise.resolve({ bits: 1, fingerprint: '' }) }],
  ['refuses keys', { importPrivateKey: () => Promise.reject(new Error('not a SecurityError')) }],
])('the suite notices a library that is wrong: %s', async (_, wrong) => {
  const broken = { ...library, ...wrong } as unknown as typeof library
  const results = await Promise.allSettled(
    conformance(broken, { ...vectors, malformed: vectors.malformed.slice(0, 20) })
      // Without those that make keys, which takes long.
      .slice(0, 26 + 20 + 53)
      .map(({ run }) => run()),
  )
  expect(results.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(10)
})
