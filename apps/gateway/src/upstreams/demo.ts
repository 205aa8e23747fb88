import { randomUUID } from 'node:crypto'
import type { ChatRequest, Engine } from './engine.js'

/** Answers with exactly the content of the last message. */
const ECHO_MODEL = 'nomyo/echo'
/** One of the many that are answered with a label. */
const DEMO_MODEL = 'nomyo/demo'
/** How every answer of this engine is marked. */
const LABEL = 'nomyo-demo-engine'

/**
 * A stand-in for a model server that needs no network and no model, for demos and tests. It says so
 * in every answer: `system_fingerprint` names it, and all but echoed texts begin with its label.
 */
export function createDemoEngine(): Engine {
  return {
    name: 'demo',
    complete: (request) => Promise.resolve(answer(request)),
    models: () => Promise.resolve([DEMO_MODEL, ECHO_MODEL]),
    close: () => Promise.resolve(),
  }
}

function answer(request: ChatRequest): Record<string, unknown> {
  const tool = toolToCall(request)
  const message =
    tool === undefined
      ? { role: 'assistant', content: textAnswer(request), refusal: null }
      : { role: 'assistant', content: null, refusal: null, tool_calls: [toolCall(tool)] }
  const promptTokens = roughTokens(request.messages)
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

function textAnswer(request: ChatRequest): string {
  const text = textOf(request.messages.at(-1)?.['content'])
  if (request.model === ECHO_MODEL) return text
  return (
    `[demo engine, not a model] Your message of ${String(text.length)} characters arrived sealed and was ` +
    `opened by the gateway alone. Start it with --upstream to reach a real model.`
  )
}

/** The text of a message: its content, or its text parts joined. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .filter(isRecord)
    .map((part) => (typeof part['text'] === 'string' ? part['text'] : ''))
    .join('')
}

/**
 * The function to call: the one `tool_choice` names, else the first. None when tools are switched
 * off, or when the conversation has just brought a tool's result, so that a loop of calls ends.
 */
function toolToCall(request: ChatRequest): Record<string, unknown> | undefined {
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

/** Sample values nest no deeper than this, whatever a schema asks for. */
const MAX_SAMPLE_DEPTH = 8

/** Some value that fits a JSON Schema, as far as types, enums and required members go. */
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
  // Each name once: repeated at every level, the work would grow beyond all measure.
  const members = [...new Set<unknown>(required)]
    .filter((name): name is string => typeof name === 'string' && Object.hasOwn(properties, name))
    .map((name) => [name, sampleValue(properties[name], depth + 1)])
  return Object.fromEntries(members) as Record<string, unknown>
}

/** About four characters a token; a stand-in counts no better. */
const roughTokens = (value: unknown): number => Math.ceil(JSON.stringify(value).length / 4)

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
