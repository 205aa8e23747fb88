/** A request of the Responses API. The gateway keeps no state: `store` is false, and nothing earlier is named. */
export interface ResponseRequest {
  model?: string
  /** Texts, or items as OpenAI defines them. */
  input?: string | object[]
  include?: string[] | null
  instructions?: string | null
  max_output_tokens?: number | null
  metadata?: Record<string, string> | null
  parallel_tool_calls?: boolean | null
  prompt_cache_key?: string | null
  reasoning?: object | null
  safety_identifier?: string | null
  service_tier?: 'auto' | 'default' | 'flex' | 'scale' | 'priority' | 'fast' | null
  store?: boolean | null
  stream?: boolean | null
  stream_options?: object | null
  temperature?: number | null
  text?: object
  tool_choice?: string | object
  tools?: object[]
  top_logprobs?: number | null
  top_p?: number | null
  truncation?: 'auto' | 'disabled' | null
  user?: string
}

/** A text of the model, or its refusal. */
export type ResponsePart =
  { type: 'output_text'; text: string; annotations: never[] } | { type: 'refusal'; refusal: string }

/** An item of a response; model servers know more types. */
export type ResponseItem =
  | {
      type: 'message'
      id: string
      role: 'assistant'
      status: 'in_progress' | 'completed' | 'incomplete'
      content: ResponsePart[]
    }
  | {
      type: 'function_call'
      id?: string
      call_id: string
      name: string
      /** JSON text of the model: check it before use. */
      arguments: string
      status?: 'in_progress' | 'completed' | 'incomplete'
    }
  | {
      type: 'reasoning'
      id: string
      summary: { type: 'summary_text'; text: string }[]
      content?: { type: 'reasoning_text'; text: string }[]
      encrypted_content?: string | null
    }

/** A response, as OpenAI defines it. Its shape is not checked. */
export interface ModelResponse {
  id: string
  object: 'response'
  created_at: number
  model: string
  status?: 'completed' | 'failed' | 'in_progress' | 'cancelled' | 'queued' | 'incomplete'
  error: { code: 'server_error'; message: string } | null
  incomplete_details: { reason?: 'max_output_tokens' | 'content_filter' } | null
  instructions: string | null
  metadata: Record<string, string> | null
  output: ResponseItem[]
  /** All texts of the output, one after the other; of this client. */
  output_text: string
  parallel_tool_calls: boolean
  temperature: number | null
  tool_choice: 'none' | 'auto' | 'required'
  tools: never[]
  top_p: number | null
  usage?: {
    input_tokens: number
    input_tokens_details: { cached_tokens: number; cache_write_tokens: number }
    output_tokens: number
    output_tokens_details: { reasoning_tokens: number }
    total_tokens: number
  }
  [member: string]: unknown
}

interface At {
  sequence_number: number
  output_index: number
}

interface AtItem extends At {
  item_id: string
}

interface AtPart extends AtItem {
  content_index: number
}

/** An event of a streamed response; model servers know more types. */
export type ResponseEvent =
  | {
      type:
        | 'response.created'
        | 'response.in_progress'
        | 'response.completed'
        | 'response.failed'
        | 'response.incomplete'
      sequence_number: number
      response: ModelResponse
    }
  | (At & { type: 'response.output_item.added' | 'response.output_item.done'; item: ResponseItem })
  | (AtPart & {
      type: 'response.content_part.added' | 'response.content_part.done'
      part: ResponsePart
    })
  | (AtPart & { type: 'response.output_text.delta'; delta: string; logprobs: never[] })
  | (AtPart & { type: 'response.output_text.done'; text: string; logprobs: never[] })
  | (AtPart & { type: 'response.refusal.delta'; delta: string })
  | (AtPart & { type: 'response.refusal.done'; refusal: string })
  | (AtPart & { type: 'response.reasoning_text.delta'; delta: string })
  | (AtPart & { type: 'response.reasoning_text.done'; text: string })
  | (AtItem & { type: 'response.function_call_arguments.delta'; delta: string })
  | (AtItem & { type: 'response.function_call_arguments.done'; name: string; arguments: string })
