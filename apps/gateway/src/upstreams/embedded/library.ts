import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { errnoCode } from '@nomyo-internal/diagnostics'
import { GatewayError } from '../../errors.js'
import type { MemoryEstimator } from './file/check-memory.js'
import type { ModelFetcher } from './file/download-model.js'
import { missingLibrary } from './missing-library.js'

/** The part of `node-llama-cpp` that the embedded engine uses. */
export interface LlamaLibrary extends ModelFetcher, MemoryEstimator {
  getLlama(options: {
    readonly build: 'never'
    readonly progressLogs: false
    readonly logLevel: 'warn'
    readonly logger: (level: string, message: string) => void
  }): Promise<Llama>
  readonly LlamaChat: new (options: {
    readonly contextSequence: Sequence
    readonly chatWrapper: ChatWrapper
  }) => LlamaChat
  readonly LlamaCompletion: new (options: { readonly contextSequence: Sequence }) => LlamaCompletion
  resolveChatWrapper(model: LlamaModel): ChatWrapper
  readonly LlamaText: new (values: LlamaText['values']) => LlamaText
  readonly SpecialTokensText: new (value: string) => SpecialTokensText
}

export interface Llama {
  /** Kind of the GPU in use, or false. */
  readonly gpu: string | false
  loadModel(options: {
    readonly modelPath: string
    readonly loadSignal?: AbortSignal | undefined
  }): Promise<LlamaModel>
  createGrammarForJsonSchema(schema: object): Promise<Grammar>
  getGrammarFor(type: 'json'): Promise<Grammar>
  dispose(): Promise<void>
}

/** Restricts the text of an answer. */
export type Grammar = object

/** Number of a piece of text in the vocabulary of a model. */
export type Token = number

export interface LlamaModel {
  readonly tokenizer: Tokenizer
  readonly tokens: { readonly bos: Token | null; readonly shouldPrependBosToken: boolean }
  tokenize(text: string): Token[]
  createContext(options: {
    readonly contextSize: number | { readonly max: number }
    readonly sequences: number
    readonly threads?: number | undefined
  }): Promise<Context>
  createEmbeddingContext(options: {
    readonly contextSize: { readonly max: number }
    readonly threads?: number | undefined
  }): Promise<EmbeddingContext>
}

export interface EmbeddingContext {
  getEmbeddingFor(tokens: readonly Token[]): Promise<{ readonly vector: readonly number[] }>
}

export interface Context {
  /** Tokens of one sequence. */
  readonly contextSize: number
  getSequence(): Sequence
}

/** State of one conversation in the memory of a context. */
export interface Sequence {
  /** Number of tokens that are evaluated. */
  readonly nextTokenIndex: number
  readonly tokenMeter: { readonly usedOutputTokens: number }
  clearHistory(): Promise<void>
  adaptStateToTokens(tokens: readonly Token[], allowShift: false): Promise<void>
  evaluateWithoutGeneratingNewTokens(tokens: readonly Token[]): Promise<void>
}

/** Divides a text into tokens, control tokens too where `special` is set. */
export type Tokenizer = (text: string, special?: boolean, options?: 'trimLeadingSpace') => Token[]

/** Text of a template, in which control tokens are read. */
export interface SpecialTokensText {
  readonly value: string
}

/** Text with special tokens apart, so that text of a caller never becomes one. */
export interface LlamaText {
  readonly values: readonly (string | SpecialTokensText | object)[]
  tokenize(tokenizer: Tokenizer): Token[]
}

/** Form of the conversations of a model. */
export interface ChatWrapper {
  generateContextState(options: {
    readonly chatHistory: readonly ChatItem[]
    readonly availableFunctions?: ChatFunctions | undefined
    readonly documentFunctionParams?: boolean
  }): { readonly contextText: LlamaText; readonly stopGenerationTriggers: readonly LlamaText[] }
}

/** Item of a conversation. */
export type ChatItem =
  | { readonly type: 'system' | 'user'; readonly text: string }
  | { readonly type: 'model'; readonly response: readonly (string | ChatCall)[] }

/** Call of a function by the model, with its result. */
export interface ChatCall {
  readonly type: 'functionCall'
  readonly name: string
  readonly params: unknown
  readonly result: unknown
  readonly startsNewChunk: boolean
}

/** Functions that a model may call, by name. */
export type ChatFunctions = Readonly<
  Record<string, { readonly description?: string; readonly params?: object }>
>

/** Choice of the tokens of an answer, and its end. */
export interface SamplingOptions {
  readonly temperature: number
  readonly topP: number
  readonly topK: number
  readonly minP: number
  readonly seed: number
  readonly repeatPenalty:
    | false
    | {
        readonly penalty: number
        readonly frequencyPenalty: number
        readonly presencePenalty: number
        readonly penalizeNewLine: true
      }
  readonly customStopTriggers: readonly string[]
}

/** Reason for the end of an answer. */
export type StopReason =
  | 'abort'
  | 'customStopTrigger'
  | 'eogToken'
  | 'functionCalls'
  | 'maxTokens'
  | 'stopGenerationTrigger'

interface GenerationOptions extends SamplingOptions {
  readonly signal: AbortSignal
  readonly maxTokens: number
  readonly grammar?: Grammar | undefined
}

export interface LlamaChat {
  generateResponse(
    history: readonly ChatItem[],
    options: GenerationOptions & {
      readonly functions?: ChatFunctions | undefined
      readonly documentFunctionParams?: boolean
      readonly maxParallelFunctionCalls?: number | undefined
      readonly budgets?: { readonly thoughtTokens: number } | undefined
      readonly contextShift: { readonly size: () => number }
      readonly onResponseChunk: (chunk: ResponseChunk) => void
      readonly onFunctionCall?: (call: FunctionCall) => void
    },
  ): Promise<{ readonly metadata: { readonly stopReason: StopReason } }>
  dispose(options: { readonly disposeSequence: false }): void
}

export interface ResponseChunk {
  readonly type: 'segment' | undefined
  readonly text: string
}

export interface FunctionCall {
  readonly functionName: string
  readonly params: unknown
}

export interface LlamaCompletion {
  generateCompletionWithMeta(
    tokens: readonly Token[],
    options: GenerationOptions & {
      readonly disableContextShift: true
      readonly contextShiftSize: 1
      readonly onTextChunk: (text: string) => void
    },
  ): Promise<{ readonly metadata: { readonly stopReason: StopReason } }>
  dispose(options: { readonly disposeSequence: false }): void
}

const LIBRARY = 'node-llama-cpp'

/**
 * Loads `node-llama-cpp`, which is installed beside the gateway where it is wanted.
 *
 * @param folder - one with a `node_modules` that has it. Default: where the gateway is installed
 * @throws GatewayError `ERR_MODEL_LIBRARY`
 */
export async function loadLibrary(folder?: string): Promise<LlamaLibrary> {
  const location = folder === undefined ? LIBRARY : locate(folder)
  try {
    return (await import(location)) as LlamaLibrary
  } catch (error) {
    if (errnoCode(error) === 'ERR_MODULE_NOT_FOUND') throw missingLibrary()
    throw new GatewayError(
      'ERR_MODEL_LIBRARY',
      `node-llama-cpp cannot be loaded (${errnoCode(error)}).`,
    )
  }
}

function locate(folder: string): string {
  try {
    const path = createRequire(join(resolve(folder), 'package.json')).resolve(LIBRARY)
    return pathToFileURL(path).href
  } catch {
    throw missingLibrary()
  }
}
