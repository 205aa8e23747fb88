/** Who wrote a message. */
export type ChatRole = 'system' | 'developer' | 'user' | 'assistant' | 'tool'

/** A part of a message's content: text, an image, audio or a file, as OpenAI defines them. */
export type ContentPart =
  | { type: 'text'; text: string }
  | { type: 'image_url'; image_url: { url: string; detail?: 'auto' | 'low' | 'high' } }
  | { type: 'input_audio'; input_audio: { data: string; format: string } }
  | { type: 'file'; file: { file_data?: string; file_id?: string; filename?: string } }

/** A call of a function that the model asks for. */
export interface ToolCall {
  id: string
  type: 'function'
  function: {
    name: string
    /** JSON text, as the model wrote it: check it before use. */
    arguments: string
  }
}

/** One message of a conversation. */
export interface ChatMessage {
  role: ChatRole
  content?: string | ContentPart[] | null
  name?: string
  tool_calls?: ToolCall[]
  tool_call_id?: string
  [member: string]: unknown
}

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

/** Whether and which tool the model calls. */
export type ToolChoice =
  'none' | 'auto' | 'required' | { type: 'function'; function: { name: string } }

/** How isolated the hardware is that answers. */
export type SecurityTier = 'standard' | 'high' | 'maximum'

/**
 * A chat completion request: OpenAI's parameters, any further member as given, and two of our own
 * that are taken out before sealing (`api_key`, `security_tier`).
 */
export interface ChatCompletionRequest {
  model: string
  messages: ChatMessage[]
  temperature?: number | null
  max_tokens?: number | null
  top_p?: number | null
  frequency_penalty?: number | null
  presence_penalty?: number | null
  stop?: string | string[] | null
  n?: number | null
  /** Sent through and ignored by the server: the answer always comes whole. */
  stream?: boolean | null
  tools?: Tool[]
  tool_choice?: ToolChoice
  user?: string
  /** Takes the place of the client's key for this request. */
  api_key?: string
  security_tier?: SecurityTier
  [parameter: string]: unknown
}

/** The model's message. */
export interface AssistantMessage {
  role: 'assistant'
  content: string | null
  refusal?: string | null
  tool_calls?: ToolCall[]
  [member: string]: unknown
}

/** One of the answers asked for. */
export interface Choice {
  index: number
  message: AssistantMessage
  finish_reason: string
  [member: string]: unknown
}

/** Tokens used. */
export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  [member: string]: unknown
}

/** What is known about how an answer came about. */
export interface ResponseMetadata {
  /** The `X-Payload-ID` of the request this answers. */
  payload_id: string
  /** Unix seconds as the server wrote beside the sealed part: not authenticated. */
  processed_at: number | null
  is_encrypted: true
  encryption_algorithm: string
  response_status?: string
  security_tier?: string
  memory_protection?: Record<string, unknown>
  cuda_device?: Record<string, unknown>
  /** TPM evidence as sent. Nothing has judged it. */
  tpm_attestation?: Record<string, unknown>
  [member: string]: unknown
}

/** A chat completion as OpenAI defines it, and `_metadata`. */
export interface ChatCompletion {
  id: string
  object: 'chat.completion'
  created: number
  model: string
  choices: [Choice, ...Choice[]]
  usage?: Usage
  _metadata: ResponseMetadata
  [member: string]: unknown
}
