import { GatewayError } from '../../errors.js'
import { DEFAULT_PARALLEL, type EmbeddedModelConfig } from './config.js'
import type { Logger } from '../../observability/log.js'
import {
  loadLibrary,
  type ChatWrapper,
  type Context,
  type Llama,
  type LlamaLibrary,
  type LlamaModel,
} from './library.js'

/** Model in memory, with the context for its conversations. */
export interface LoadedModel {
  readonly library: LlamaLibrary
  readonly llama: Llama
  readonly model: LlamaModel
  readonly context: Context
  readonly chatWrapper: ChatWrapper
  readonly threads: number | undefined
  /** Frees the memory. */
  dispose(): Promise<void>
}

/** Tokens of a conversation by default: more takes memory that a small machine does not have. */
const CONTEXT_TOKENS = 8192

/**
 * Loads a model into this process.
 *
 * @throws GatewayError `ERR_MODEL_LIBRARY`, `ERR_MODEL`
 */
export async function loadModel(config: EmbeddedModelConfig, logger: Logger): Promise<LoadedModel> {
  const { model: file, libraryFolder, contextTokens, parallel = DEFAULT_PARALLEL, threads } = config
  const library = await loadLibrary(libraryFolder)
  const llama = await library.getLlama({
    build: 'never',
    progressLogs: false,
    logLevel: 'warn',
    // Messages of the library describe the model and the machine, and are not for logs of requests.
    logger: () => undefined,
  })
  try {
    const model = await llama.loadModel({ modelPath: file })
    const context = await model.createContext({
      contextSize: contextTokens ?? { max: CONTEXT_TOKENS },
      sequences: parallel,
      ...(threads === undefined ? {} : { threads }),
    })
    logger.info(
      `model loaded: ${String(context.contextSize)} tokens of context, ${String(parallel)} at a time`,
    )
    return {
      ...{ library, llama, model, context, threads },
      chatWrapper: library.resolveChatWrapper(model),
      dispose: () => llama.dispose(),
    }
  } catch (error) {
    await llama.dispose()
    throw error instanceof GatewayError ? error : cannotLoad(error)
  }
}

function cannotLoad(error: unknown): GatewayError {
  const name = error instanceof Error ? error.constructor.name : 'unknown'
  return new GatewayError(
    'ERR_MODEL',
    name === 'InsufficientMemoryError'
      ? 'there is not enough memory for the model and its context: give a smaller --model-context, or a smaller model.'
      : 'the file of --model is no GGUF model that the library can run.',
  )
}
