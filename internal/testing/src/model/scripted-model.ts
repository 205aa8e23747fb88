import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { startModelServer, type ModelRequest, type ModelServer } from './model-server.js'

/** The text of every answer of a {@link startScriptedModel}, in the parts in which it is streamed. */
export const SCRIPTED_TEXT = ['Grüße, ', '世界! ', '👩‍👩‍👧 é ', 'data: [DONE]'] as const

/** The bytes of scripted speech: every value, so that a text would not survive. */
export const SCRIPTED_AUDIO = Uint8Array.from({ length: 4096 }, (_, index) => index % 256)

const CREATED = 1767225600
const USAGE = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
const CALL = { name: 'weather', arguments: '{"city":"Rome"}' }

type Members = Record<string, unknown>
type Answer = (body: Members, response: ServerResponse, request: ModelRequest) => unknown

/**
 * Starts a model server that answers every route of OpenAI's API like a vLLM that knows its part: a text; a call
 * of the first tool offered, until its result is there; `{"answer":42}` where a schema is asked for; each
 * streamed where that is asked for. The model decides about faults: `lost` breaks its stream off, `unfinished`
 * ends it early, `failing` ends it with an error, `endless` never ends it, `no-model` is refused.
 */
export const startScriptedModel = (): Promise<ModelServer> =>
  startModelServer((response, request) => {
    const path = new URL(request.url ?? '', 'http://model').pathname.replace(/^\/v1/, '')
    const answer = ROUTES[`${String(request.method)} ${path}`]
    if (answer === undefined) {
      sendError(response, 404, 'not_found', 'This server has no such route.')
      return
    }
    const isJson = request.headers['content-type']?.startsWith('application/json') === true
    const body = isJson ? (JSON.parse(request.body) as Members) : {}
    if (body['model'] === 'no-model') sendError(response, 404, 'model_not_found', 'No such model.')
    else void answer(body, response, request)
  })

const ROUTES: Readonly<Record<string, Answer>> = {
  'GET /models': (_, response) => sendJson(response, { object: 'list', data: [MODEL] }),
  'POST /chat/completions': (body, response) =>
    body['stream'] === true
      ? sendEvents(response, body, chatChunks(body))
      : sendJson(response, chatCompletion(body)),
  'POST /completions': (body, response) =>
    body['stream'] === true
      ? sendEvents(response, body, textChunks())
      : sendJson(response, {
          ...HEAD,
          object: 'text_completion',
          choices: [
            { index: 0, text: SCRIPTED_TEXT.join(''), finish_reason: 'stop', logprobs: null },
          ],
          usage: USAGE,
        }),
  'POST /embeddings': (body, response) => {
    const inputs = [body['input']].flat()
    const floats = Float32Array.of(0.25, -0.5, 1)
    const embedding =
      body['encoding_format'] === 'base64'
        ? Buffer.from(floats.buffer).toString('base64')
        : [...floats]
    sendJson(response, {
      object: 'list',
      model: 'm',
      data: inputs.map((_, index) => ({ object: 'embedding', index, embedding })),
      usage: { prompt_tokens: 3, total_tokens: 3 },
    })
  },
  'POST /responses': (body, response) =>
    body['stream'] === true
      ? sendEvents(response, body, responseEvents(body), false)
      : sendJson(response, responseOf(body, 'completed')),
  'POST /rerank': (_, response) =>
    sendJson(response, { id: 'r-1', model: 'm', results: [{ index: 1, relevance_score: 0.5 }] }),
  'POST /images/generations': (_, response) =>
    sendJson(response, { created: CREATED, data: [{ b64_json: 'iVBORw0KGgo=' }] }),
  'POST /audio/speech': (_, response) => {
    response.setHeader('content-type', 'audio/mpeg').end(SCRIPTED_AUDIO)
  },
  'POST /audio/transcriptions': (_, response) =>
    sendJson(response, { text: SCRIPTED_TEXT.join('') }),
  'POST /audio/translations': (_, response) => sendJson(response, { text: SCRIPTED_TEXT.join('') }),
}

const MODEL = { id: 'm', object: 'model', created: CREATED, owned_by: 'test' }
const HEAD = { id: 'chatcmpl-1', created: CREATED, model: 'm' }

/** Facts that the request asks for. */
function wanted(body: Members): 'text' | 'tool' | 'json' {
  const messages = (body['messages'] ?? body['input'] ?? []) as Members[]
  const isAnswered =
    Array.isArray(messages) &&
    messages.some(({ role, type }) => role === 'tool' || type === 'function_call_output')
  const tools = body['tools'] as unknown[] | undefined
  if (tools !== undefined && tools.length > 0 && !isAnswered) return 'tool'
  const { format } = (body['text'] ?? {}) as Members
  const { type } = (body['response_format'] ?? format ?? {}) as Members
  return type === 'json_schema' || type === 'json_object' ? 'json' : 'text'
}

/** The name of the first tool of the request. */
function toolName(body: Members): string {
  const [tool] = body['tools'] as Members[]
  return ((tool?.['function'] as Members | undefined)?.['name'] ?? tool?.['name']) as string
}

/** Arguments for the first tool: its own for the weather, else the answer asked for. */
const argumentsFor = (name: string): string =>
  name === CALL.name ? CALL.arguments : '{"answer":42}'

const partsOf = (body: Members): readonly string[] =>
  wanted(body) === 'json' ? ['{"answer"', ':42}'] : SCRIPTED_TEXT

function chatCompletion(body: Members): Members {
  const isTool = wanted(body) === 'tool'
  const message = isTool
    ? { role: 'assistant', content: null, tool_calls: [toolCall(body)] }
    : { role: 'assistant', content: partsOf(body).join(''), refusal: null }
  const choice = {
    index: 0,
    message,
    logprobs: null,
    finish_reason: isTool ? 'tool_calls' : 'stop',
  }
  return { ...HEAD, object: 'chat.completion', choices: [choice], usage: USAGE }
}

function toolCall(body: Members): Members {
  const name = toolName(body)
  return { id: 'call_1', type: 'function', function: { name, arguments: argumentsFor(name) } }
}

function* chatChunks(body: Members): Generator<Members> {
  const isTool = wanted(body) === 'tool'
  const chunk = (delta: Members, finish_reason: string | null = null): Members => ({
    ...HEAD,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
  })
  yield chunk({ role: 'assistant', content: isTool ? null : '' })
  if (isTool) {
    const { function: call, ...others } = toolCall(body) as { function: typeof CALL }
    const { name, arguments: all } = call
    yield chunk({ tool_calls: [{ index: 0, ...others, function: { name, arguments: '' } }] })
    for (const part of [all.slice(0, 5), all.slice(5)]) {
      yield chunk({ tool_calls: [{ index: 0, function: { arguments: part } }] })
    }
  } else for (const content of partsOf(body)) yield chunk({ content })
  yield chunk({}, isTool ? 'tool_calls' : 'stop')
  const { include_usage: includeUsage } = (body['stream_options'] ?? {}) as Members
  if (includeUsage === true) {
    yield { ...HEAD, object: 'chat.completion.chunk', choices: [], usage: USAGE }
  }
}

function* textChunks(): Generator<Members> {
  for (const [index, text] of SCRIPTED_TEXT.entries()) {
    const finish_reason = index === SCRIPTED_TEXT.length - 1 ? 'stop' : null
    const choice = { index: 0, text, finish_reason, logprobs: null }
    yield { ...HEAD, object: 'text_completion', choices: [choice] }
  }
}

function responseOf(body: Members, status: string): Members {
  return {
    id: 'resp_1',
    object: 'response',
    created_at: CREATED,
    status,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    model: 'm',
    output: status === 'completed' ? [outputItem(body, 'completed')] : [],
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    usage:
      status === 'completed'
        ? {
            input_tokens: 3,
            input_tokens_details: { cached_tokens: 0 },
            output_tokens: 4,
            output_tokens_details: { reasoning_tokens: 0 },
            total_tokens: 7,
          }
        : null,
  }
}

function outputItem(body: Members, status: string): Members {
  const isDone = status === 'completed'
  if (wanted(body) === 'tool') {
    const name = toolName(body)
    const given = isDone ? argumentsFor(name) : ''
    return { id: 'fc_1', type: 'function_call', call_id: 'call_1', name, arguments: given, status }
  }
  const content = isDone ? [textPart(partsOf(body).join(''))] : []
  return { id: 'msg_1', type: 'message', role: 'assistant', status, content }
}

const textPart = (text: string): Members => ({ type: 'output_text', text, annotations: [] })

function* responseEvents(body: Members): Generator<Members> {
  const item = { item_id: 'msg_1', output_index: 0, content_index: 0 }
  const isTool = wanted(body) === 'tool'
  const events: Members[] = [
    { type: 'response.created', response: responseOf(body, 'in_progress') },
    { type: 'response.output_item.added', output_index: 0, item: outputItem(body, 'in_progress') },
  ]
  if (isTool) {
    const call = { item_id: 'fc_1', output_index: 0 }
    const all = argumentsFor(toolName(body))
    events.push(
      { type: 'response.function_call_arguments.delta', ...call, delta: all },
      { type: 'response.function_call_arguments.done', ...call, arguments: all },
    )
  } else {
    events.push({ type: 'response.content_part.added', ...item, part: textPart('') })
    for (const delta of partsOf(body)) {
      events.push({ type: 'response.output_text.delta', ...item, delta, logprobs: [] })
    }
    const text = partsOf(body).join('')
    events.push(
      { type: 'response.output_text.done', ...item, text, logprobs: [] },
      { type: 'response.content_part.done', ...item, part: textPart(text) },
    )
  }
  events.push(
    { type: 'response.output_item.done', output_index: 0, item: outputItem(body, 'completed') },
    { type: 'response.completed', response: responseOf(body, 'completed') },
  )
  for (const [sequence_number, event] of events.entries()) yield { sequence_number, ...event }
}

async function sendEvents(
  response: ServerResponse,
  { model }: Members,
  events: Iterable<Members>,
  endsWithDone = true,
): Promise<void> {
  response.setHeader('content-type', 'text/event-stream')
  let sent = 0
  for (const event of events) {
    const name = endsWithDone ? '' : `event: ${String(event['type'])}\n`
    response.write(`${name}data: ${JSON.stringify(event)}\n\n`)
    if (++sent < 4 || typeof model !== 'string' || !(model in FAULTS)) continue
    await FAULTS[model]?.(response)
    return
  }
  response.end(endsWithDone ? 'data: [DONE]\n\n' : undefined)
}

/** Faults after the fourth event of a stream. */
const FAULTS: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  lost: async (response) => {
    // What was written is on its way before the connection breaks.
    await new Promise((resolve) => setTimeout(resolve, 100))
    response.destroy()
  },
  unfinished: (response) => response.end(),
  failing: (response) => {
    const error = { message: 'Out of memory.', type: 'server_error', code: 'oom', param: null }
    response.end(`data: ${JSON.stringify({ error })}\n\n`)
  },
  endless: (response) => once(response, 'close'),
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
}

function sendError(response: ServerResponse, status: number, code: string, message: string): void {
  response.statusCode = status
  sendJson(response, { error: { message, type: 'invalid_request_error', code, param: null } })
}
