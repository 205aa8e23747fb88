import { chatMessages, plainText } from './content.js'
import {
  defined,
  list,
  members,
  name,
  optionalNumber,
  refuse,
  text,
  type Members,
} from './members.js'

/** A request of the Messages API as one of chat completions, and what its answer depends on. */
export interface ChatRequest {
  readonly request: Members
  readonly stream: boolean
  readonly stopSequences: readonly string[]
  /** Returns the reasoning of the model, where the model server reports it. */
  readonly showsThinking: boolean
}

/** Members that change the costs or the place of the work, and not the answer. */
const WITHOUT_EFFECT: readonly string[] = [
  'cache_control',
  'context_management',
  'diagnostics',
  'inference_geo',
  'service_tier',
  'speed',
  'user_profile_id',
  'workspace_id',
]

/** Members that are converted. */
const CONVERTED: readonly string[] = [
  'max_tokens',
  'messages',
  'metadata',
  'model',
  'output_config',
  'stop_sequences',
  'stream',
  'system',
  'temperature',
  'thinking',
  'tool_choice',
  'tools',
  'top_k',
  'top_p',
]

/**
 * Converts a request of Anthropic's Messages API to one of chat completions.
 *
 * @throws Refusal for one that is malformed, or that chat completions cannot express: nothing that
 * changes the answer is dropped
 */
export function readMessagesRequest(body: Members): ChatRequest {
  for (const [member, value] of Object.entries(body)) {
    if (value === null || value === undefined) continue
    if (CONVERTED.includes(member) || WITHOUT_EFFECT.includes(member)) continue
    // Names are of the caller, and may be anything.
    const shown = /^\w{1,64}$/.test(member) ? member : 'a member'
    throw refuse(shown, 'has no counterpart in chat completions')
  }
  const stopSequences = list(body['stop_sequences'], 'stop_sequences').map((value) =>
    text(value, 'stop_sequences'),
  )
  const stream = body['stream'] === true
  return {
    request: defined({
      model: name(body['model'], 'model'),
      messages: [...systemMessages(body['system']), ...chatMessages(body['messages'])],
      max_tokens: maxTokens(body['max_tokens']),
      temperature: optionalNumber(body['temperature'], 'temperature'),
      top_p: optionalNumber(body['top_p'], 'top_p'),
      top_k: optionalNumber(body['top_k'], 'top_k'),
      stop: stopSequences.length === 0 ? undefined : stopSequences,
      user: userOf(body['metadata']),
      ...toolMembers(body),
      ...outputMembers(body['output_config']),
      ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
    }),
    stream,
    stopSequences,
    showsThinking: showsThinking(body['thinking']),
  }
}

function maxTokens(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number
  throw refuse('max_tokens', 'must be a whole number of 1 or more')
}

function systemMessages(value: unknown): readonly Members[] {
  const content = plainText(value, 'system', '\n\n')
  return content === '' ? [] : [{ role: 'system', content }]
}

function userOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  const { user_id: user } = members(value, 'metadata')
  return user === undefined || user === null ? undefined : text(user, 'metadata.user_id')
}

function toolMembers({ tools: given, tool_choice: choice }: Members): Members {
  const tools = list(given, 'tools').map((value, position) => {
    const path = `tools[${String(position)}]`
    const {
      type = 'custom',
      name: toolName,
      description,
      input_schema,
      strict,
    } = members(value, path)
    if (type !== 'custom' && type !== null) {
      throw refuse(
        `${path}.type`,
        'names a tool that Anthropic defines; only custom tools can be called',
      )
    }
    return {
      type: 'function',
      function: defined({
        name: name(toolName, `${path}.name`),
        description:
          description === undefined ? undefined : text(description, `${path}.description`),
        parameters: members(input_schema, `${path}.input_schema`),
        strict: strict === true ? true : undefined,
      }),
    }
  })
  return {
    tools: tools.length === 0 ? undefined : tools,
    ...(choice === undefined || choice === null ? {} : toolChoice(members(choice, 'tool_choice'))),
  }
}

function toolChoice({ type, name: toolName, disable_parallel_tool_use }: Members): Members {
  const parallel_tool_calls = disable_parallel_tool_use === true ? false : undefined
  switch (type) {
    case 'auto':
    case 'none':
      return { tool_choice: type, parallel_tool_calls }
    case 'any':
      return { tool_choice: 'required', parallel_tool_calls }
    case 'tool': {
      const called = { name: name(toolName, 'tool_choice.name') }
      return { tool_choice: { type: 'function', function: called }, parallel_tool_calls }
    }
    default:
      throw refuse('tool_choice.type', 'must be auto, any, tool or none')
  }
}

/** The highest effort that model servers commonly know stands for those above. */
const EFFORTS: Readonly<Record<string, string>> = {
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
}

function outputMembers(value: unknown): Members {
  if (value === undefined || value === null) return {}
  const { effort, format } = members(value, 'output_config')
  return {
    reasoning_effort: effortOf(effort),
    response_format:
      format === undefined || format === null
        ? undefined
        : responseFormat(members(format, 'output_config.format')),
  }
}

function effortOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  const level = text(value, 'output_config.effort')
  if (Object.hasOwn(EFFORTS, level)) return EFFORTS[level]
  throw refuse('output_config.effort', 'must be low, medium, high, xhigh or max')
}

function responseFormat({ type, schema }: Members): Members {
  if (type !== 'json_schema') throw refuse('output_config.format.type', 'must be json_schema')
  return {
    type: 'json_schema',
    json_schema: {
      name: 'output',
      schema: members(schema, 'output_config.format.schema'),
      strict: true,
    },
  }
}

function showsThinking(value: unknown): boolean {
  if (value === undefined || value === null) return false
  const { type, display } = members(value, 'thinking')
  return text(type, 'thinking.type') !== 'disabled' && display !== 'omitted'
}
