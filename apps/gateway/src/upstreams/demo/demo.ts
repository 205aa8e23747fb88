import { randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import type { ParsedChatRequest } from '../../completion/chat-request.js'
import { JsonObject, isRecord } from '../../json/json-object.js'
import { demoError } from './demo-errors.js'
import type { Engine } from '../engine.js'
import { streamCompletion } from './demo-stream.js'
import { ECHO_MODEL, LABEL, answerTo, roughTokens } from './label.js'
import { answerRoute } from './routes/answer-route.js'
import { isSound, transcribe } from './routes/transcriptions.js'

/** Any other name works too; its answers begin with a label. */
const DEMO_MODEL = 'nomyo/demo'
const PAUSE_MS = 15
const LARGE_BYTES = 256 * 1024

/**
 * Creates a stand-in for a model server that needs neither network nor model, for demos and tests.
 * Every answer identifies it: by `system_fingerprint`, and by a label unless the text is an echo. Models
 * named `nomyo/error-...` answer with the errors of real ones; see {@link demoError}.
 */
export function createDemoEngine(): Engine {
  return {
    complete: async (request, _signal, { turns }) => {
      const error = demoError(request.model)
      if (error !== undefined) throw error
      const parsed = request.parse()
      // A large request takes tens of milliseconds to parse, and as much to answer.
      if (request.byteLength > LARGE_BYTES) await turns.next()
      return { answer: JsonObject.from(answer(parsed, Math.ceil(request.byteLength / 4))) }
    },
    forward: async (request, signal, { turns }) => {
      const error = demoError(request.model)
      if (error !== undefined) throw error
      const sent = request.body({ cacheSalt: undefined })
      const body = sent.toBody()
      if (isSound(request)) return transcribe(body, sent.contentType)
      const bytes = body instanceof Uint8Array ? body : await buffer(body)
      if (bytes.length > LARGE_BYTES) await turns.next()
      const pauseMs = request.model === ECHO_MODEL ? 0 : PAUSE_MS
      if (request.path !== '/chat/completions') {
        return answerRoute(request, bytes, { pauseMs, signal })
      }
      const parsed = JSON.parse(new TextDecoder().decode(bytes)) as ParsedChatRequest
      const options = parsed['stream_options']
      const events = streamCompletion(answer(parsed, Math.ceil(bytes.length / 4)), {
        includeUsage: isRecord(options) && options['include_usage'] === true,
        ...{ pauseMs, signal },
      })
      const contentType = 'text/event-stream; charset=utf-8'
      return { contentType, body: { kind: 'events', events }, close: () => undefined }
    },
    models: () => Promise.resolve([DEMO_MODEL, ECHO_MODEL]),
    lists: (model) => [DEMO_MODEL, ECHO_MODEL].includes(model),
    close: () => Promise.resolve(),
  }
}

function answer(request: ParsedChatRequest, promptTokens: number): Record<string, unknown> {
  const tool = toolToCall(request)
  const message =
    tool === undefined
      ? { role: 'assistant', content: textAnswer(request), refusal: null }
      : { role: 'assistant', content: null, refusal: null, tool_calls: [toolCall(tool)] }
  const completionTokens = roughTokens(message)
  return {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: request.model,
    system_fingerprint: LABEL,
    choices: [
      {
        index: 0,
        message,
        logprobs: null,
        finish_reason: tool === undefined ? 'stop' : 'tool_calls',
      },
    ],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    },
  }
}

function textAnswer(request: ParsedChatRequest): string {
  return answerTo(request.model, textOf(request.messages.at(-1)?.['content']))
}

/** Returns the text of a message: its content, or its joined text parts. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .filter(isRecord)
    .map((part) => (typeof part['text'] === 'string' ? part['text'] : ''))
    .join('')
}

/**
 * Returns the function to call: the one that `tool_choice` names, else the first. Returns none when
 * tools are disabled, or after the result of a tool, so that a loop of calls ends.
 */
function toolToCall(request: ParsedChatRequest): Record<string, unknown> | undefined {
  const { tools, tool_choice: choice } = request
  if (!Array.isArray(tools) || choice === 'none') return undefined
  if (request.messages.at(-1)?.['role'] === 'tool') return undefined
  const functions = tools
    .filter(isRecord)
    .map((tool) => tool['function'])
    .filter(isRecord)
    .filter((candidate) => typeof candidate['name'] === 'string')
  const named =
    isRecord(choice) && isRecord(choice['function']) ? choice['function']['name'] : undefined
  return functions.find((candidate) => candidate['name'] === named) ?? functions[0]
}

function toolCall(tool: Record<string, unknown>): Record<string, unknown> {
  return {
    id: `call_${randomUUID().replaceAll('-', '')}`,
    type: 'function',
    function: { name: tool['name'], arguments: JSON.stringify(sampleValue(tool['parameters'], 0)) },
  }
}

/** Limit for the nesting of sample values, whatever a schema requires. */
const MAX_SAMPLE_DEPTH = 8

/** Creates a value that satisfies the types, enums and required members of a JSON Schema. */
function sampleValue(schema: unknown, depth: number): unknown {
  if (!isRecord(schema) || depth > MAX_SAMPLE_DEPTH) return {}
  if ('const' in schema) return schema['const']
  if (Array.isArray(schema['enum']) && schema['enum'].length > 0)
    return schema['enum'][0] as unknown
  const type: unknown = Array.isArray(schema['type']) ? schema['type'][0] : schema['type']
  switch (type) {
    case 'string':
      return 'demo'
    case 'number':
    case 'integer':
      return typeof schema['minimum'] === 'number' ? schema['minimum'] : 1
    case 'boolean':
      return true
    case 'null':
      return null
    case 'array':
      return [sampleValue(schema['items'], depth + 1)]
    default:
      return sampleObject(schema, depth)
  }
}

function sampleObject(schema: Record<string, unknown>, depth: number): Record<string, unknown> {
  const properties = isRecord(schema['properties']) ? schema['properties'] : {}
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  // Each name once: with repetitions at every level, the work would grow exponentially.
  const members = [...new Set<unknown>(required)]
    .filter((name): name is string => typeof name === 'string' && Object.hasOwn(properties, name))
    .map((name) => [name, sampleValue(properties[name], depth + 1)])
  return Object.fromEntries(members) as Record<string, unknown>
}
