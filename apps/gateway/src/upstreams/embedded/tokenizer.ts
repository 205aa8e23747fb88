import type { LlamaModel, Token, Tokenizer } from './library.js'

/** Characters without white space, or of white space, that are divided into tokens at once. */
const MAX_RUN = 4096
const RUN = /\s+|\S+/gu
const LOW_SURROGATE = /[\uDC00-\uDFFF]/

/**
 * Makes a model divide long runs of characters in pieces. The library divides text by regular expressions,
 * and those of many models need stack for each character of a match: a message of 32 KB of dots would end
 * the process.
 */
export function boundRuns(model: LlamaModel): void {
  const { tokenizer } = model
  const bounded: Tokenizer = Object.assign(
    (...[text, special, options]: Parameters<Tokenizer>): Token[] =>
      text.length <= MAX_RUN
        ? tokenizer(text, special, options)
        : piecesOf(text).flatMap((piece, at) =>
            tokenizer(piece, special, at === 0 ? options : 'trimLeadingSpace'),
          ),
    tokenizer,
  )
  // The library reads both names wherever it divides text.
  Object.assign(model, { tokenizer: bounded, tokenize: bounded })
}

function piecesOf(text: string): readonly string[] {
  const cuts = [0]
  for (const { 0: run, index } of text.matchAll(RUN)) {
    for (let at = MAX_RUN; at < run.length; at += MAX_RUN) {
      cuts.push(index + at - (LOW_SURROGATE.test(run.charAt(at)) ? 1 : 0))
    }
  }
  return cuts.map((cut, at) => text.slice(cut, cuts[at + 1]))
}
