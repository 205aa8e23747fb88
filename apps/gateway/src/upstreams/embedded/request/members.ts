import { isRecord } from '../../../json/json-object.js'
import { unsupported } from '../refusals.js'

type Members = Readonly<Record<string, unknown>>

/** Members that change how an answer is written, and are read. */
const SAMPLING = [
  ...['frequency_penalty', 'max_tokens', 'min_p', 'model', 'presence_penalty', 'repeat_penalty'],
  ...['seed', 'stop', 'stream', 'stream_options', 'temperature', 'top_k', 'top_p'],
]
/** Members that change no answer of a model in this process. */
const IGNORED = [
  ...['api_key', 'cache_salt', 'metadata', 'moderation', 'prompt_cache_key', 'security_tier'],
  ...['prompt_cache_options', 'prompt_cache_retention', 'safety_identifier', 'service_tier'],
  ...['store', 'user', 'verbosity'],
]

/** Members of chat completions that the engine reads or may ignore. */
export const CHAT_MEMBERS: ReadonlySet<string> = new Set([
  ...SAMPLING,
  ...IGNORED,
  ...['max_completion_tokens', 'messages', 'parallel_tool_calls', 'reasoning_effort'],
  ...['response_format', 'tool_choice', 'tools'],
])

/** Members of completions of a prompt that the engine reads or may ignore. */
export const COMPLETION_MEMBERS: ReadonlySet<string> = new Set([...SAMPLING, ...IGNORED, 'prompt'])

/** Members of embeddings. */
export const EMBEDDING_MEMBERS: ReadonlySet<string> = new Set([
  ...IGNORED,
  ...['encoding_format', 'input', 'model'],
])

/** Values that ask for nothing. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  best_of: [1],
  echo: [false],
  logprobs: [false],
  modalities: [['text']],
  n: [1],
  stream: [true, false],
  suffix: [''],
  top_logprobs: [0],
}

/**
 * Refuses members that the engine cannot follow: an answer that ignores them would not be the one that was
 * asked for.
 *
 * @throws UpstreamRefusal
 */
export function refuseOthers(request: Members, known: ReadonlySet<string>): void {
  for (const [name, value] of Object.entries(request)) {
    if (value === null || value === undefined || known.has(name) || isNeutral(name, value)) continue
    throw unsupported(
      name,
      `The embedded model does not support ${name}${name in NEUTRAL ? ' with this value' : ''}.`,
      'unsupported_parameter',
    )
  }
}

function isNeutral(name: string, value: unknown): boolean {
  if (
    Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0
  )
    return true
  const text = JSON.stringify(value)
  return (
    Object.hasOwn(NEUTRAL, name) &&
    NEUTRAL[name]?.some((one) => JSON.stringify(one) === text) === true
  )
}
