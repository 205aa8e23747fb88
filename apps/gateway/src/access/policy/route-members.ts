/** Members of the requests of one route. */
export interface RouteMembers {
  /** Those that its API has. */
  readonly known: ReadonlySet<string>
  /** The one that is named where media have an address. */
  readonly media: string
  /** Those that limit tokens; the first one is set where a request has none of them. */
  readonly tokenLimits: readonly string[]
}

/** Members of OpenAI's chat completions, and the one of nomyo-js 0.1. */
export const CHAT_ROUTE: RouteMembers = {
  media: 'messages',
  tokenLimits: ['max_tokens', 'max_completion_tokens'],
  known: new Set([
    'audio',
    'frequency_penalty',
    'function_call',
    'functions',
    'logit_bias',
    'logprobs',
    'max_completion_tokens',
    'max_tokens',
    'messages',
    'metadata',
    'modalities',
    'model',
    'moderation',
    'n',
    'parallel_tool_calls',
    'prediction',
    'presence_penalty',
    'prompt_cache_key',
    'prompt_cache_options',
    'prompt_cache_retention',
    'reasoning_effort',
    'response_format',
    'safety_identifier',
    'security_tier',
    'seed',
    'service_tier',
    'stop',
    'store',
    'stream',
    'stream_options',
    'temperature',
    'tool_choice',
    'tools',
    'top_logprobs',
    'top_p',
    'user',
    'verbosity',
    'web_search_options',
  ]),
}

/** Members of OpenAI's completions. */
export const COMPLETIONS_ROUTE: RouteMembers = {
  media: 'prompt',
  tokenLimits: ['max_tokens'],
  known: new Set([
    'best_of',
    'echo',
    'frequency_penalty',
    'logit_bias',
    'logprobs',
    'max_tokens',
    'model',
    'n',
    'presence_penalty',
    'prompt',
    'seed',
    'stop',
    'stream',
    'stream_options',
    'suffix',
    'temperature',
    'top_p',
    'user',
  ]),
}

/** Members of OpenAI's embeddings. */
export const EMBEDDINGS_ROUTE: RouteMembers = {
  media: 'input',
  tokenLimits: [],
  known: new Set(['dimensions', 'encoding_format', 'input', 'model', 'user']),
}

/** Members of OpenAI's responses. */
export const RESPONSES_ROUTE: RouteMembers = {
  media: 'input',
  tokenLimits: ['max_output_tokens'],
  known: new Set([
    'background',
    'context_management',
    'conversation',
    'include',
    'input',
    'instructions',
    'max_output_tokens',
    'max_tool_calls',
    'metadata',
    'model',
    'moderation',
    'parallel_tool_calls',
    'previous_response_id',
    'prompt',
    'prompt_cache_key',
    'prompt_cache_options',
    'prompt_cache_retention',
    'reasoning',
    'safety_identifier',
    'service_tier',
    'store',
    'stream',
    'stream_options',
    'temperature',
    'text',
    'tool_choice',
    'tools',
    'top_logprobs',
    'top_p',
    'truncation',
    'user',
  ]),
}

/** Members of a ranking, as Jina, Cohere and vLLM have them. */
export const RERANK_ROUTE: RouteMembers = {
  media: 'documents',
  tokenLimits: [],
  known: new Set([
    'documents',
    'max_chunks_per_doc',
    'max_tokens_per_doc',
    'model',
    'query',
    'rank_fields',
    'return_documents',
    'top_n',
    'truncate_prompt_tokens',
    'user',
  ]),
}

/** Members of OpenAI's images. */
export const IMAGES_ROUTE: RouteMembers = {
  media: 'image',
  tokenLimits: [],
  known: new Set([
    'background',
    'model',
    'moderation',
    'n',
    'output_compression',
    'output_format',
    'prompt',
    'quality',
    'response_format',
    'size',
    'stream',
    'style',
    'user',
  ]),
}

/** Members of OpenAI's speech. */
export const SPEECH_ROUTE: RouteMembers = {
  media: 'input',
  tokenLimits: [],
  known: new Set([
    'input',
    'instructions',
    'model',
    'response_format',
    'speed',
    'stream_format',
    'voice',
  ]),
}

/** Fields of OpenAI's transcriptions. */
export const TRANSCRIPTIONS_ROUTE: RouteMembers = {
  media: 'file',
  tokenLimits: [],
  known: new Set([
    'chunking_strategy',
    'file',
    'include',
    'known_speaker_names',
    'known_speaker_references',
    'language',
    'model',
    'prompt',
    'response_format',
    'stream',
    'temperature',
    'timestamp_granularities',
  ]),
}

/** Fields of OpenAI's translations. */
export const TRANSLATIONS_ROUTE: RouteMembers = {
  media: 'file',
  tokenLimits: [],
  known: new Set(['file', 'model', 'prompt', 'response_format', 'temperature']),
}
