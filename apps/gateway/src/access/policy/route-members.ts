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
