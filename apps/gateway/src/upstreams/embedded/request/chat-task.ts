import type { ParsedChatRequest } from '../../../completion/chat-request.js'
import { isRecord } from '../../../json/json-object.js'
import type { ChatItem, SamplingOptions } from '../library.js'
import { unsupported } from '../refusals.js'
import { toGrammarSchema } from './grammar-schema.js'
import { readHistory } from './history.js'
import { CHAT_MEMBERS, refuseOthers } from './members.js'
import { readMaxTokens, readSampling } from './sampling.js'
import { readTools, type ToolUse } from './tools.js'

/** Form of an answer: any text, any JSON object, or JSON of a schema. */
export type AnswerFormat = 'text' | 'json' | { readonly schema: object }

/** Chat request in the terms of the library. */
export interface ChatTask {
  readonly history: readonly ChatItem[]
  readonly sampling: SamplingOptions
  readonly maxTokens: number | undefined
  readonly format: AnswerFormat
  readonly tools: ToolUse | undefined
  /** The model must not think before its answer. */
  readonly skipsThoughts: boolean
}

/**
 * Translates a chat request of OpenAI's API.
 *
 * @throws UpstreamRefusal for what the engine cannot do
 */
export function readChatTask(request: ParsedChatRequest): ChatTask {
  refuseOthers(request, CHAT_MEMBERS)
  const tools = readTools(request)
  const format = readFormat(request['response_format'])
  if (tools !== undefined && format !== 'text') {
    throw unsupported('response_format', 'The embedded model cannot have a format and tools.')
  }
  return {
    ...{ tools, format },
    history: readHistory(request.messages),
    sampling: readSampling(request),
    maxTokens: readMaxTokens(request, ['max_completion_tokens', 'max_tokens']),
    skipsThoughts: request['reasoning_effort'] === 'none',
  }
}

function readFormat(format: unknown): AnswerFormat {
  if (format === undefined || format === null) return 'text'
  const { type, json_schema: given } = isRecord(format) ? format : {}
  if (type === 'text') return 'text'
  if (type === 'json_object') return 'json'
  if (type !== 'json_schema' || !isRecord(given) || !Object.hasOwn(given, 'schema')) {
    throw unsupported('response_format', 'The format must be text, json_object or json_schema.')
  }
  const param = 'response_format.json_schema.schema'
  return { schema: toGrammarSchema(given['schema'], { param, strict: given['strict'] === true }) }
}
