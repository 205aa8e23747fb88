import { isRecord } from '../../../json/json-object.js'
import { LABEL, roughTokens } from '../label.js'

type Members = Readonly<Record<string, unknown>>

const MAX_DOCUMENTS = 2048

/** Makes up a ranking: by the words that a document shares with the query. */
export function rerank({ query, documents, model, top_n, return_documents }: Members): Members {
  const texts = (Array.isArray(documents) ? documents : []).slice(0, MAX_DOCUMENTS).map(textOf)
  const wanted = wordsOf(textOf(query))
  const results = texts
    .map((text, index) => ({
      index,
      relevance_score: shareOf(wanted, wordsOf(text)),
      document: return_documents === true ? { text } : undefined,
    }))
    .sort((one, other) => other.relevance_score - one.relevance_score)
    .slice(0, Number.isInteger(top_n) && Number(top_n) >= 0 ? Number(top_n) : MAX_DOCUMENTS)
  const total_tokens = roughTokens([query ?? '', documents ?? ''])
  return { model, results, system_fingerprint: LABEL, usage: { total_tokens } }
}

const textOf = (value: unknown): string => {
  const text = isRecord(value) ? value['text'] : value
  return typeof text === 'string' ? text : ''
}

const wordsOf = (text: string): ReadonlySet<string> =>
  new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])

function shareOf(wanted: ReadonlySet<string>, words: ReadonlySet<string>): number {
  if (wanted.size === 0) return 0
  return [...wanted].filter((word) => words.has(word)).length / wanted.size
}
