import type { ChatMessage, TextPart } from './messages.js'
import type { CustomTool, Tool, ToolChoice } from './tools.js'

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
 * A chat completion request: the parameters that the newest `openai` declares, and two more that are
 * removed before encryption (`api_key`, `security_tier`). Members that a model server knows beyond them
 * are declared with a type parameter of the call: `create<{ top_k: number }>({ ..., top_k: 40 })`.
 */
export interface ChatCompletionRequest {
  model: string
  messages: ChatMessage[]
  audio?: {
    format: 'wav' | 'aac' | 'mp3' | 'flac' | 'opus' | 'pcm16'
    voice: string | { id: string }
  } | null
  frequency_penalty?: number | null
  /** The form before `tool_choice`. */
  function_call?: 'none' | 'auto' | { name: string }
  /** The form before `tools`. */
  functions?: { name: string; description?: string; parameters?: Record<string, unknown> }[]
  logit_bias?: Record<string, number> | null
  logprobs?: boolean | null
  max_completion_tokens?: number | null
  max_tokens?: number | null
  metadata?: Record<string, string> | null
  modalities?: ('text' | 'audio')[] | null
  moderation?: {
    model: string
    policy?: {
      input?: { mode: 'score' | 'block' } | null
      output?: { mode: 'score' | 'block' } | null
    } | null
  } | null
  n?: number | null
  parallel_tool_calls?: boolean
  prediction?: { type: 'content'; content: string | TextPart[] } | null
  presence_penalty?: number | null
  prompt_cache_key?: string | null
  prompt_cache_options?: { mode?: 'implicit' | 'explicit'; ttl?: '30m' }
  prompt_cache_retention?: 'in_memory' | '24h' | null
  reasoning_effort?: 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max' | null
  response_format?: ResponseFormat
  safety_identifier?: string | null
  seed?: number | null
  service_tier?: 'auto' | 'default' | 'flex' | 'scale' | 'priority' | 'fast' | null
  stop?: string | string[] | null
  store?: boolean | null
  /** Ignored by the server: the answer always arrives whole. */
  stream?: boolean | null
  stream_options?: { include_usage?: boolean; include_obfuscation?: boolean } | null
  temperature?: number | null
  tool_choice?: ToolChoice
  tools?: (Tool | CustomTool)[]
  top_logprobs?: number | null
  top_p?: number | null
  user?: string
  verbosity?: 'low' | 'medium' | 'high' | null
  web_search_options?: {
    search_context_size?: 'low' | 'medium' | 'high'
    user_location?: {
      type: 'approximate'
      approximate: { city?: string; country?: string; region?: string; timezone?: string }
    } | null
  }
  /** Replaces the client's key for this request. */
  api_key?: string
  security_tier?: SecurityTier
}

/** A request with members that {@link ChatCompletionRequest} does not declare; none by default. */
export type RequestWith<Members> = ChatCompletionRequest & NoInfer<Members>
