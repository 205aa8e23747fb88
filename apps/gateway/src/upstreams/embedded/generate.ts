import { keepingControlTokens } from './control-tokens.js'
import type { ChatWrapper, Grammar, Sequence, StopReason, Token } from './library.js'
import type { LoadedModel } from './load-model.js'
import { contextOverflow, unsupported } from './refusals.js'
import type { AnswerFormat, ChatTask } from './request/chat-task.js'
import type { CompletionTask } from './request/completion-task.js'
import type { EventLoopTurns } from '../../json/event-loop-turns.js'

/** Part of an answer, as it is written. */
export type AnswerPart =
  | { readonly kind: 'text' | 'thought'; readonly text: string }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: string }

/** End of an answer, and the tokens that it took. */
export interface AnswerEnd {
  readonly reason: 'stop' | 'length' | 'tool_calls'
  readonly promptTokens: number
  /** Tokens of the prompt that were in memory from an earlier answer to the same caller. */
  readonly cachedTokens: number
  readonly completionTokens: number
}

/** Work for one slot: evaluates the prompt and writes the answer. */
export type Generation = (
  sequence: Sequence,
  signal: AbortSignal,
  onPart: (part: AnswerPart) => void,
) => Promise<AnswerEnd>

/** More characters than a token of usual text has. */
const CHARACTERS_PER_TOKEN = 12
/** Fewer tokens than a message has in any template, without its text. */
const TOKENS_PER_MESSAGE = 3
/** Text that is divided into tokens at once: some milliseconds. */
const PIECE_CHARACTERS = 32_768
/** Tokens that a piece may have beyond its part of the whole, at both of its ends. */
const EXTRA_TOKENS = 8
/** Tokens that are evaluated between two looks at the signal. */
const STEP_TOKENS = 128

/**
 * Prepares the answer to a chat request.
 *
 * @throws UpstreamRefusal for a conversation that is too long, or a schema without a grammar
 */
export async function prepareChat(
  task: ChatTask,
  loaded: LoadedModel,
  turns: EventLoopTurns,
): Promise<Generation> {
  const { library, model } = loaded
  const { history, sampling, tools, skipsThoughts } = task
  await checkLength(textsOf(task), loaded, turns)
  const grammar = await createGrammar(task.format, loaded)
  await checkTools(task, loaded, turns)
  const conversation = {
    chatHistory: history,
    availableFunctions: tools?.functions,
    documentFunctionParams: true,
  }
  const chatWrapper = keepingControlTokens(
    tools?.isForced === true ? forcingCalls(loaded.chatWrapper) : loaded.chatWrapper,
    loaded,
    conversation,
  )
  const { contextText } = chatWrapper.generateContextState(conversation)
  const tokens = contextText.tokenize(model.tokenizer)
  const maxTokens = tokensLeft(tokens, task.maxTokens, loaded)
  return async (sequence, signal, onPart) => {
    const cachedTokens = await evaluatePrompt(sequence, tokens, signal)
    const used = sequence.tokenMeter.usedOutputTokens
    const chat = new library.LlamaChat({ contextSequence: sequence, chatWrapper })
    let calls = 0
    const stopReason = await chat
      .generateResponse(history, {
        ...sampling,
        ...{ signal, maxTokens, grammar },
        functions: tools?.functions,
        documentFunctionParams: true,
        maxParallelFunctionCalls: tools?.maxCalls,
        budgets: skipsThoughts ? { thoughtTokens: 0 } : undefined,
        contextShift: { size: throwContextFull },
        onResponseChunk: ({ type, text }) => {
          if (text !== '') onPart({ kind: type === 'segment' ? 'thought' : 'text', text })
        },
        onFunctionCall: ({ functionName, params }) => {
          calls++
          onPart({ kind: 'call', name: functionName, arguments: JSON.stringify(params ?? {}) })
        },
      })
      .then(({ metadata }) => metadata.stopReason, stopReasonOf)
      .finally(() => {
        chat.dispose({ disposeSequence: false })
      })
    return {
      reason: calls > 0 && stopReason !== 'maxTokens' ? 'tool_calls' : endOf(stopReason),
      promptTokens: tokens.length,
      cachedTokens,
      completionTokens: sequence.tokenMeter.usedOutputTokens - used,
    }
  }
}

/**
 * Prepares the completion of a prompt.
 *
 * @throws UpstreamRefusal for a prompt that is too long
 */
export async function prepareCompletion(
  task: CompletionTask,
  loaded: LoadedModel,
  turns: EventLoopTurns,
): Promise<Generation> {
  const { library, model } = loaded
  await checkLength([task.prompt], loaded, turns, 'prompt')
  const text = model.tokenize(task.prompt)
  const { bos, shouldPrependBosToken } = model.tokens
  const tokens = shouldPrependBosToken && bos !== null ? [bos, ...text] : text
  if (tokens.length === 0) throw unsupported('prompt', 'prompt must not be empty.', 'invalid_value')
  const maxTokens = tokensLeft(tokens, task.maxTokens, loaded, 'prompt')
  return async (sequence, signal, onPart) => {
    const cachedTokens = await evaluatePrompt(sequence, tokens, signal)
    const used = sequence.tokenMeter.usedOutputTokens
    const completion = new library.LlamaCompletion({ contextSequence: sequence })
    const { metadata } = await completion
      .generateCompletionWithMeta(text, {
        ...task.sampling,
        ...{ signal, maxTokens, disableContextShift: true, contextShiftSize: 1 },
        onTextChunk: (part) => {
          if (part !== '') onPart({ kind: 'text', text: part })
        },
      })
      .finally(() => {
        completion.dispose({ disposeSequence: false })
      })
    return {
      reason: endOf(metadata.stopReason),
      promptTokens: tokens.length,
      cachedTokens,
      completionTokens: sequence.tokenMeter.usedOutputTokens - used,
    }
  }
}

/** The context is full before the answer is complete. */
class ContextFull extends Error {
  override readonly name = 'ContextFull'
}

/** In place of forgetting the beginning of the conversation. */
function throwContextFull(): never {
  throw new ContextFull()
}

function stopReasonOf(error: unknown): StopReason {
  if (error instanceof ContextFull) return 'maxTokens'
  throw error
}

const endOf = (reason: StopReason): AnswerEnd['reason'] => {
  if (reason === 'functionCalls') return 'tool_calls'
  return reason === 'maxTokens' || reason === 'abort' ? 'length' : 'stop'
}

/** Evaluates a prompt in steps, so that it ends soon after its caller disconnects. */
async function evaluatePrompt(
  sequence: Sequence,
  tokens: readonly Token[],
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted()
  // The answer begins with the evaluation of the last token.
  const prompt = tokens.slice(0, -1)
  await sequence.adaptStateToTokens(prompt, false)
  const cachedTokens = sequence.nextTokenIndex
  for (let at = cachedTokens; at < prompt.length; at += STEP_TOKENS) {
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(at, at + STEP_TOKENS))
    signal.throwIfAborted()
  }
  return cachedTokens
}

/**
 * Refuses a text that is far longer than the context before the whole of it is divided into tokens, which
 * blocks the event loop.
 */
async function checkLength(
  texts: readonly string[],
  { context: { contextSize }, model }: LoadedModel,
  turns: EventLoopTurns,
  param?: string,
): Promise<void> {
  if (texts.length > contextSize / TOKENS_PER_MESSAGE) throw contextOverflow(contextSize, param)
  const characters = texts.reduce((sum, { length }) => sum + length, 0)
  if (characters <= CHARACTERS_PER_TOKEN * contextSize) return
  let tokens = 0
  for (const text of texts) {
    for (let at = 0; at < text.length; at += PIECE_CHARACTERS) {
      const piece = text.slice(at, at + PIECE_CHARACTERS)
      tokens += Math.max(0, model.tokenize(piece).length - EXTRA_TOKENS)
      if (tokens > contextSize) throw contextOverflow(contextSize, param)
      if (piece.length === PIECE_CHARACTERS) await turns.next()
    }
  }
}

/** Lists the texts of a conversation that the model reads, one or more for each message. */
const textsOf = ({ history, tools }: ChatTask): readonly string[] => [
  ...history.flatMap((item) =>
    item.type === 'model'
      ? item.response.map((part) => (typeof part === 'string' ? part : JSON.stringify(part)))
      : [item.text],
  ),
  JSON.stringify(tools?.functions ?? {}),
]

function tokensLeft(
  { length }: readonly Token[],
  wanted: number | undefined,
  { context: { contextSize } }: LoadedModel,
  param?: string,
): number {
  const left = contextSize - length - 1
  if (left < 1) throw contextOverflow(contextSize, param)
  return Math.min(left, wanted ?? left)
}

async function createGrammar(
  format: AnswerFormat,
  { llama }: LoadedModel,
): Promise<Grammar | undefined> {
  if (format === 'text') return undefined
  if (format === 'json') return llama.getGrammarFor('json')
  return grammarOf(format.schema, 'response_format.json_schema.schema', llama)
}

/** Makes the grammars of all tools, as the library makes those of called ones only. */
async function checkTools(
  { tools }: ChatTask,
  { llama }: LoadedModel,
  turns: EventLoopTurns,
): Promise<void> {
  for (const { params } of Object.values(tools?.functions ?? {})) {
    if (params === undefined) continue
    await grammarOf(params, 'tools', llama)
    await turns.next()
  }
}

async function grammarOf(
  schema: object,
  param: string,
  llama: LoadedModel['llama'],
): Promise<Grammar> {
  try {
    return await llama.createGrammarForJsonSchema(schema)
  } catch {
    throw unsupported(param, 'No grammar can be made of the schema.', 'invalid_value')
  }
}

/** Returns the form of a conversation in which the model begins with a call of a function. */
const forcingCalls = (chatWrapper: ChatWrapper): ChatWrapper =>
  Object.create(chatWrapper, {
    generateContextState: {
      value: (options: Parameters<ChatWrapper['generateContextState']>[0]) => {
        const { contextText, stopGenerationTriggers } = chatWrapper.generateContextState(options)
        return {
          ...{ contextText, stopGenerationTriggers },
          functionCall: { initiallyEngaged: true, disengageInitiallyEngaged: [] },
        }
      },
    },
  }) as ChatWrapper
