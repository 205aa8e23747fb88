import { isDeepStrictEqual } from 'node:util'

/** A chat request. */
export interface ChatRequest {
  readonly model: Model
  readonly messages: { readonly role: 'system' | 'user'; readonly content: string }[]
}

/** Sizes of the JSON, by name. */
export const SIZES = {
  '1 KB': 1024,
  '64 KB': 64 * 1024,
  '1 MB': 1024 * 1024,
  '9 MB': 9 * 1024 * 1024,
} as const
export type Size = keyof typeof SIZES

/** Text with line breaks, which prompts contain and JSON escapes. */
export const LINES = {
  ascii: 'The quick brown fox jumps over the lazy dog, and says "so what?".\n',
  'multi-byte': 'Größe, déjà vu, смотри: 你好世界, こんにちは 🦊 "naïve".\n',
} as const
export type Text = keyof typeof LINES

/** A model of the demo engine: `nomyo/echo` answers with the same text, `nomyo/demo` with a line. */
export type Model = 'nomyo/echo' | 'nomyo/demo'

/** Returns a request whose JSON has this many bytes of UTF-8, or a few less where characters do not fit. */
export function chatRequest(size: Size, text: Text, model: Model = 'nomyo/echo'): ChatRequest {
  const withText = (content: string): ChatRequest => ({
    model,
    messages: [
      { role: 'system', content: 'You are a helpful assistant.' },
      { role: 'user', content },
    ],
  })
  const bytesOf = (content: string): number => Buffer.byteLength(JSON.stringify(withText(content)))
  const line = LINES[text]
  const room = SIZES[size] - bytesOf('')
  const perLine = bytesOf(line) - bytesOf('')
  const lines = Math.floor(room / perLine)
  const content = line.repeat(lines) + 'x'.repeat(room - lines * perLine)
  // Parsed again, because the first reader of a concatenated string pays for flattening it.
  return JSON.parse(JSON.stringify(withText(content))) as ChatRequest
}

/** @throws Error for a wrong result, whose time means nothing */
export function assertSame(actual: unknown, expected: unknown, who: string): void {
  if (!isDeepStrictEqual(actual, expected)) throw new Error(`${who}: a wrong result`)
}

/** @throws Error unless the answer is an echo of the request */
export function checkEcho(answer: unknown, { messages }: Pick<ChatRequest, 'messages'>): void {
  assertSame(answer, messages.at(-1)?.content, 'an answer')
}
