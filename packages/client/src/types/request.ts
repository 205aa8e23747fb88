import type { ChatMessage } from './messages.js'

/** A function the model may call. */
export interface Tool {
  type: 'function'
  function: {
    name: string
    description?: string
    /** JSON Schema of the arguments. */
    parameters?: Record<string, unknown>
    strict?: boolean | null
  }
}

/** The choice of tools that the model may call. */
export type ToolChoice =
  'none' | 'auto' | 'required' | { type: 'function'; function: { name: string } }

/** The format of the answer. */
export type ResponseFormat =
  | { type: 'text' }
  | { type: 'json_object' }
  | {
      type: 'json_schema'
      json_schema: {
        name: string
        description?: string
        schema?: Record<string, unknown>
        strict?: boolean | null
      }
    }

/** The isolation of the hardware that answers. */
export type SecurityTier = 'standard' | 'high' | 'maximum'

/**
 * A chat completion request: OpenAI's parameters, any further member as given, and two more that are
 * removed before encryption (`api_key`, `security_tier`).
 */
export interface ChatCompletionRequest {
  model: string
  messages: ChatMessage[]
  temperature?: number | null
  max_tokens?: number | null
  max_completion_tokens?: number | null
  top_p?: number | null
  frequency_penalty?: number | null
  presence_penalty?: number | null
  stop?: string | string[] | null
  n?: number | null
  seed?: number | null
  logprobs?: boolean | null
  top_logprobs?: number | null
  logit_bias?: Record<string, number> | null
  /** Ignored by the server: the answer always arrives whole. */
  stream?: boolean | null
  tools?: Tool[]
  tool_choice?: ToolChoice
  parallel_tool_calls?: boolean
  response_format?: ResponseFormat
  user?: string
  /** Replaces the client's key for this request. */
  api_key?: string
  security_tier?: SecurityTier
  [parameter: string]: unknown
}
