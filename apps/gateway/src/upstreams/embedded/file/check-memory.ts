import { GatewayError } from '../../../errors.js'

/** The part of `node-llama-cpp` that estimates memory. */
export interface MemoryEstimator {
  readGgufFileInfo(
    path: string,
    options: { readonly sourceType: 'filesystem'; readonly logWarnings: false },
  ): Promise<object>
  readonly GgufInsights: { from(info: object, llama: object): Promise<ModelInsights> }
}

interface ModelInsights {
  readonly trainContextSize: number | undefined
  estimateModelResourceRequirementsV2(options: {
    readonly gpuLayers: 0
  }): Promise<{ readonly cpuRam: number }>
  estimateContextResourceRequirementsV2(options: {
    readonly contextSize: number
    readonly modelGpuLayers: 0
    readonly sequences: number
  }): Promise<{ readonly cpuRam: number }>
}

/** Use of a model that takes memory. */
export interface ModelUse {
  readonly path: string
  /** Tokens of a conversation. Default: those that the model was trained for, at most 8192. */
  readonly contextTokens?: number | undefined
  /** Conversations at the same time. */
  readonly parallel: number
}

/** Tokens of a conversation by default: more takes memory that a small machine does not have. */
export const CONTEXT_TOKENS = 8192
const MIB = 1024 * 1024

/**
 * Estimates the memory that a model and its conversations take on a CPU, in bytes.
 *
 * @throws errors of the library for a file that it cannot read
 */
export async function estimateMemory(
  { path, contextTokens, parallel }: ModelUse,
  library: MemoryEstimator,
  llama: object,
): Promise<number> {
  const info = await library.readGgufFileInfo(path, {
    sourceType: 'filesystem',
    logWarnings: false,
  })
  const insights = await library.GgufInsights.from(info, llama)
  const trained = Math.min(CONTEXT_TOKENS, insights.trainContextSize ?? CONTEXT_TOKENS)
  const contextSize = contextTokens ?? trained
  const model = await insights.estimateModelResourceRequirementsV2({ gpuLayers: 0 })
  const context = await insights.estimateContextResourceRequirementsV2({
    ...{ contextSize, modelGpuLayers: 0, sequences: parallel },
  })
  return model.cpuRam + context.cpuRam
}

/**
 * Compares the memory that a model takes with that which this process may still use.
 *
 * @param available - in bytes. Default: that of the machine or of the container
 * @throws GatewayError `ERR_MODEL_MEMORY`
 */
export function checkModelMemory(needed: number, available = process.availableMemory()): void {
  if (needed <= available) return
  const [neededMib, availableMib] = [needed, available].map((bytes) => Math.ceil(bytes / MIB))
  throw new GatewayError(
    'ERR_MODEL_MEMORY',
    `the model and its conversations need ${String(neededMib)} MiB, and ${String(availableMib)} MiB are free: lower --model-context or --model-parallel, or use a smaller model or quantization.`,
  )
}
