/** Model that runs in this process, and the size of its work. */
export interface EmbeddedModelConfig {
  /** GGUF file, or its place: `hf:user/repository:quantization`, or an `https:` address. */
  readonly model: string
  /** Names that requests may give it, of which the first one is listed. Default: {@link modelNames}. */
  readonly names?: readonly string[] | undefined
  /** Folder whose `node_modules` has the library. Default: where the gateway is installed. */
  readonly libraryFolder?: string | undefined
  /** Tokens of one conversation. Default: those that the model was trained for, at most 8192. */
  readonly contextTokens?: number | undefined
  /** Conversations that are answered at the same time. Default 2. */
  readonly parallel?: number | undefined
  /** Requests that wait for their turn at most. Default 32. */
  readonly maxWaiting?: number | undefined
  /** Threads that evaluate. Default: one for each core that is good at it. */
  readonly threads?: number | undefined
}

export const DEFAULT_PARALLEL = 2
export const DEFAULT_WAITING = 32

/**
 * Derives the names of a model from its place: of `hf:Qwen/Qwen3-0.6B-GGUF:Q8_0`, the name of the model
 * itself, that of the repository, and that with the quantization; of a file or an address, the name of the file.
 */
export function modelNames(model: string): readonly [string, ...string[]] {
  const [, repository, quantization = ''] =
    /^(?:hf|huggingface):([^:/]+\/[^:/]+)(:[^:/]+)?$/.exec(model) ?? []
  if (repository === undefined) return [fileName(model)]
  const name = repository.replace(/-GGUF$/i, '')
  return [name, repository, `${repository}${quantization}`]
}

const fileName = (model: string): string => {
  const [path = ''] = model.split(/[?#]/)
  const name = path.split(/[/\\]/).at(-1) ?? ''
  return name.replace(/\.gguf$/i, '') || 'model'
}
