import { GatewayError } from '../../errors.js'
import { DEFAULT_PARALLEL, type EmbeddedModelConfig } from './config.js'
import { CONTEXT_TOKENS, checkModelMemory, estimateMemory } from './file/check-memory.js'
import { resolveModel, type ModelSource } from './file/resolve-model.js'
import type { Logger } from '../../observability/log.js'
import {
  loadLibrary,
  type ChatWrapper,
  type Context,
  type Llama,
  type LlamaLibrary,
  type LlamaModel,
} from './library.js'
import { missingLibrary } from './missing-library.js'
import { boundRuns } from './tokenizer.js'

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

/**
 * Loads a model into this process.
 *
 * @param source - the place of the model
 * @throws GatewayError `ERR_MODEL_LIBRARY`, `ERR_MODEL_DOWNLOAD`, `ERR_MODEL_FILE`, `ERR_MODEL_MEMORY`, `ERR_MODEL`
 * @throws the reason of the signal
 */
export async function loadModel(
  source: ModelSource,
  config: EmbeddedModelConfig,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<LoadedModel> {
  const { libraryFolder, contextTokens, parallel = DEFAULT_PARALLEL, threads } = config
  const library = await loadLibrary(libraryFolder)
  const path = await resolveModel(source, library, { logger, signal })
  const llama = await openLlama(library)
  try {
    // Where a GPU shares the work, the library divides the memory.
    if (llama.gpu === false) {
      const use = { path, contextTokens, parallel }
      checkModelMemory(await estimateMemory(use, library, llama))
    }
    const model = await llama.loadModel({ modelPath: path, loadSignal: signal })
    boundRuns(model)
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
    signal.throwIfAborted()
    throw error instanceof GatewayError ? error : cannotLoad(error)
  }
}

/**
 * Opens the library on this machine.
 *
 * @throws GatewayError `ERR_MODEL_LIBRARY` without a build for it
 */
export async function openLlama(library: LlamaLibrary): Promise<Llama> {
  try {
    return await library.getLlama({
      build: 'never',
      progressLogs: false,
      logLevel: 'warn',
      // Messages of the library describe the model and the machine, and are not for logs of requests.
      logger: () => undefined,
    })
  } catch {
    throw missingLibrary('its build for this machine')
  }
}

function cannotLoad(error: unknown): GatewayError {
  const name = error instanceof Error ? error.constructor.name : 'unknown'
  return name === 'InsufficientMemoryError'
    ? new GatewayError(
        'ERR_MODEL_MEMORY',
        'there is not enough memory for the model and its context: lower --model-context, or use a smaller model.',
      )
    : new GatewayError(
        'ERR_MODEL',
        'the file of --model is not a GGUF model that the library can run.',
      )
}
