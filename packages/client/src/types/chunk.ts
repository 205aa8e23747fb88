import type { FinishReason, TokenLogprob, Usage } from './response.js'

/** The change of a message in one chunk of a stream. */
export interface ChunkDelta {
  role?: 'developer' | 'system' | 'user' | 'assistant' | 'tool'
  content?: string | null
  refusal?: string | null
  /** The form before `tool_calls`. */
  function_call?: { name?: string; arguments?: string }
  tool_calls?: {
    index: number
    id?: string
    type?: 'function'
    function?: { name?: string; arguments?: string }
  }[]
  [member: string]: unknown
}

/** The change of one of the requested answers. */
export interface ChunkChoice {
  index: number
  delta: ChunkDelta
  finish_reason: FinishReason | null
  logprobs?: { content: TokenLogprob[] | null; refusal: TokenLogprob[] | null } | null
  [member: string]: unknown
}

/** One chunk of a streamed chat completion, as OpenAI defines it. Its shape is not checked. */
export interface ChatCompletionChunk {
  id: string
  object: 'chat.completion.chunk'
  created: number
  model: string
  choices: ChunkChoice[]
  usage?: Usage | null
  system_fingerprint?: string
  service_tier?: 'auto' | 'default' | 'flex' | 'scale' | 'priority' | null
  [member: string]: unknown
}
