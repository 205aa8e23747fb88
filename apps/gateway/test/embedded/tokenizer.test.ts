import { describe, expect, it } from 'vitest'
import type { LlamaModel, Tokenizer } from '../../src/upstreams/embedded/library.js'
import { boundRuns } from '../../src/upstreams/embedded/tokenizer.js'

/** A model that records what it divides at once. */
function recordingModel() {
  const pieces: (readonly [string, ...unknown[]])[] = []
  const tokenizer: Tokenizer = (...given) => {
    pieces.push(given)
    return [given[0].length]
  }
  const model = { tokenizer, tokenize: tokenizer } as unknown as LlamaModel
  boundRuns(model)
  return { model, pieces }
}

describe('a tokenizer', () => {
  it.each([
    ['symbols', '.'.repeat(50_000)],
    ['letters and digits', 'a1'.repeat(25_000)],
    ['spaces and lines', ' \n'.repeat(25_000)],
    ['pairs of surrogates', `x${'\u{1F600}'.repeat(25_000)}`],
    ['long runs among short ones', `a b ${'.'.repeat(9000)} c ${' '.repeat(9000)}d`],
  ])('divides a long run of %s in pieces', (_, text) => {
    const { model, pieces } = recordingModel()
    const tokens = model.tokenize(text)
    const texts = pieces.map(([piece]) => piece)
    expect(texts.join('')).toBe(text)
    expect(texts.every((piece) => piece.isWellFormed())).toBe(true)
    const runs = texts.flatMap((piece) => piece.match(/\s+|\S+/gu) ?? [])
    expect(Math.max(...runs.map(({ length }) => length))).toBeLessThanOrEqual(4096)
    expect(tokens).toEqual(texts.map(({ length }) => length))
  })

  it('leaves a text without long runs whole, and the meaning of its other arguments', () => {
    const { model, pieces } = recordingModel()
    const text = 'some words '.repeat(2000)
    model.tokenizer(text, true)
    model.tokenizer('.'.repeat(5000), true)
    expect(pieces).toEqual([
      [text, true, undefined],
      ['.'.repeat(4096), true, undefined],
      ['.'.repeat(904), true, 'trimLeadingSpace'],
    ])
  })
})
