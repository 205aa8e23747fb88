/** Names of tokens that templates use, in the order of their numbers. */
const CONTROL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const

/** Numbers of the format for kinds of tokens. */
const NORMAL = 1
const CONTROL_KIND = 3
const USER_DEFINED = 4

/** Tokens of a model, by number. The first 256 are the bytes. */
export interface Vocabulary {
  readonly texts: readonly string[]
  readonly kinds: readonly number[]
  /** Number of the token that ends an answer. */
  readonly end: number
  /** Number of the token that ends a text without roles. */
  readonly endOfText: number
  /** Numbers of the tokens after which an answer begins: control tokens and the end of a line. */
  readonly starts: ReadonlySet<number>
  /** Number of a word: text that is always one token. */
  word(text: string): number
}

/** Makes a vocabulary of all bytes, so that every text has tokens, and of some words. */
export function makeVocabulary(words: readonly string[]): Vocabulary {
  const texts = [...byteLetters(), ...CONTROL, ...words]
  const twice = texts.filter((text, index) => texts.indexOf(text) !== index)
  if (twice.length > 0) throw new Error(`in two answers: ${twice.join(', ')}`)
  const numbers = new Map(texts.map((text, number) => [text, number]))
  const numberOf = (text: string): number => {
    const number = numbers.get(text)
    if (number === undefined) throw new Error(`not in the vocabulary: ${text}`)
    return number
  }
  const control = CONTROL.map(numberOf)
  return {
    texts,
    kinds: texts.map((_, number) => {
      if (number < 256) return NORMAL
      return control.includes(number) ? CONTROL_KIND : USER_DEFINED
    }),
    end: numberOf('<|im_end|>'),
    endOfText: numberOf('<|endoftext|>'),
    starts: new Set([...control, '\n'.charCodeAt(0)]),
    word: numberOf,
  }
}

/** Letters by which byte-level tokenizers write the bytes, each a printable one. */
function byteLetters(): string[] {
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
    return String.fromCodePoint(printable ? byte : next++)
  })
}
