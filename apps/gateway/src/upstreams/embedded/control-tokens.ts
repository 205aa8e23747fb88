import { randomUUID } from 'node:crypto'
import { isRecord } from '../../json/json-object.js'
import type { ChatFunctions, ChatItem, ChatWrapper, LlamaText } from './library.js'
import type { LoadedModel } from './load-model.js'
import { unsupported } from './refusals.js'

type ContextOptions = Parameters<ChatWrapper['generateContextState']>[0]

/**
 * Returns a form of conversations in which no text of functions and of calls becomes a control token. The
 * library keeps the text of messages and of results apart; what else a template of a model has written, it
 * takes for the text of the template.
 */
export function keepingControlTokens(
  chatWrapper: ChatWrapper,
  loaded: LoadedModel,
  { chatHistory, availableFunctions }: ContextOptions,
): ChatWrapper {
  const hasControlTokens = (value: unknown): boolean => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    const { tokenizer } = loaded.model
    // Where control tokens are read, there are fewer tokens, or one more in place of several.
    return String(tokenizer(text, true)) !== String(tokenizer(text, false))
  }
  const calls = chatHistory.flatMap(callsIn)
  if (availableFunctions === undefined && calls.length === 0) return chatWrapper
  if (!hasControlTokens([availableFunctions, calls])) return chatWrapper
  const mark = randomUUID()
  const marked = (text: string): string => (hasControlTokens(text) ? mark + text + mark : text)
  return Object.create(chatWrapper, {
    generateContextState: {
      value: (options: ContextOptions) => {
        const state = chatWrapper.generateContextState({
          ...options,
          chatHistory: options.chatHistory.map((item) => markCalls(item, marked)),
          availableFunctions: mapTexts(options.availableFunctions, marked) as
            ChatFunctions | undefined,
        })
        return { ...state, contextText: separate(state.contextText, mark, loaded) }
      },
    },
  }) as ChatWrapper
}

const callsIn = (item: ChatItem): readonly unknown[] =>
  item.type === 'model' ? item.response.filter((part) => typeof part !== 'string') : []

function markCalls(item: ChatItem, marked: (text: string) => string): ChatItem {
  if (item.type !== 'model') return item
  const response = item.response.map((part) =>
    typeof part === 'string'
      ? part
      : { ...part, name: marked(part.name), params: mapTexts(part.params, marked) },
  )
  return { ...item, response }
}

/** Maps all texts in a JSON value, names of members too. */
function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value)
  if (Array.isArray(value)) return value.map((one: unknown) => mapTexts(one, map))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [map(name), mapTexts(member, map)]),
  )
}

/** Takes the texts between marks out of the text of the template. */
function separate(text: LlamaText, mark: string, { library }: LoadedModel): LlamaText {
  const values = text.values.flatMap((value) => {
    if (typeof value === 'string') return [value.replaceAll(mark, '')]
    if (!(value instanceof library.SpecialTokensText)) return [value]
    const parts = value.value.split(mark)
    if (parts.length % 2 === 0) {
      throw unsupported('tools', 'The template of the model cannot write a text of the tools.')
    }
    return parts.map((part, at) => (at % 2 === 1 ? part : new library.SpecialTokensText(part)))
  })
  return new library.LlamaText(values)
}
