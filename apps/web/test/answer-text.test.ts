import { describe, expect, it } from 'vitest'
import { answerParts } from '../src/chat/answer-text.js'

const NEWLINES = '\n'.repeat(1_000_000)

describe('the parts of an answer', () => {
  it('are the text outside of fences, and the code between them', () => {
    expect(answerParts('\n\na\n\n  b\n\n```js\n\nx\n\n```\n\n```\n```\nc\n')).toEqual([
      { kind: 'text', text: 'a\n\n  b' },
      { kind: 'code', text: '\nx\n' },
      { kind: 'text', text: 'c' },
    ])
    expect(answerParts('a\n```\nnever closed')).toEqual([
      { kind: 'text', text: 'a' },
      { kind: 'code', text: 'never closed' },
    ])
    expect(answerParts('\n\n')).toEqual([])
  })

  it.each([
    ['text', `a${NEWLINES}b`, 1],
    ['text before a fence', `a${NEWLINES}b\n\`\`\`\nc`, 2],
    ['code', `\`\`\`\na${NEWLINES}b`, 1],
    ['nothing else', NEWLINES, 0],
  ])('are found in linear time with a million newlines in %s', (_where, text, count) => {
    expect(answerParts(text)).toHaveLength(count)
  })
})
