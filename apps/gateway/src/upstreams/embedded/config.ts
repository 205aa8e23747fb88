/** Model that runs in this process, and the size of its work. */
export interface EmbeddedModelConfig {
  /** GGUF file, `hf:USER/REPOSITORY:QUANTIZATION` of Hugging Face, or an `https:` address of one. */
  readonly model: string
  /** SHA-256 of the file as 64 hexadecimal digits. Default: not checked. */
  readonly sha256?: string | undefined
  /** Folder of fetched models. Default: `nomyo/models` in the folder of caches of the user. */
  readonly cacheFolder?: string | undefined
  /** Names that requests may give it, of which the first one is listed. Default: derived from its place. */
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
