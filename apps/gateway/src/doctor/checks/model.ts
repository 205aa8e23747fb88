import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { GatewayError } from '../../errors.js'
import { DEFAULT_PARALLEL, type EmbeddedModelConfig } from '../../upstreams/embedded/config.js'
import { checkModelFile } from '../../upstreams/embedded/file/check-file.js'
import { checkModelMemory, estimateMemory } from '../../upstreams/embedded/file/check-memory.js'
import { findFetched } from '../../upstreams/embedded/file/download-model.js'
import {
  defaultModelCache,
  describeLocation,
  parseModelLocation,
} from '../../upstreams/embedded/file/model-location.js'
import { loadLibrary, type LlamaLibrary } from '../../upstreams/embedded/library.js'
import { openLlama } from '../../upstreams/embedded/load-model.js'
import type { Check } from '../check.js'

const MIB = 1024 * 1024

/** Checks the model in this process: its library, its file and its memory. Fetches and loads nothing. */
export const modelCheck: Check = {
  name: 'model',
  run: async ({ engine }) => {
    if (engine.kind !== 'model') return []
    try {
      return await checkModel(engine)
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return [problem(`${error.message} (${error.code})`, 'see docs/gateway/model.md')]
    }
  },
}

async function checkModel(config: EmbeddedModelConfig): Promise<readonly Finding[]> {
  const { libraryFolder, cacheFolder: folder = defaultModelCache() } = config
  const library = await loadLibrary(libraryFolder)
  const location = parseModelLocation(config.model)
  if (location === undefined) return []
  const path =
    location.kind === 'file' ? location.path : await findFetched(location, library, folder)
  if (path === undefined) {
    const message = `${describeLocation(location)} is not in ${folder}`
    return [warning(message, 'the next start downloads it, which takes time and a network')]
  }
  const size = await checkModelFile(path)
  return [
    ok(`${path}: ${String(Math.ceil(size / MIB))} MiB, a GGUF file`),
    await checkMemory(path, config, library),
  ]
}

async function checkMemory(
  path: string,
  { contextTokens, parallel = DEFAULT_PARALLEL }: EmbeddedModelConfig,
  library: LlamaLibrary,
): Promise<Finding> {
  const llama = await openLlama(library)
  try {
    if (llama.gpu !== false) return ok(`memory: shared with a GPU (${llama.gpu})`)
    const needed = await estimateMemory({ path, contextTokens, parallel }, library, llama)
    checkModelMemory(needed)
    return ok(`memory: ${String(Math.ceil(needed / MIB))} MiB for the model and its conversations`)
  } finally {
    await llama.dispose()
  }
}
