import { createParser } from 'eventsource-parser'
import { Refusal, refusalFrom } from '../openai-error.js'
import { anthropicError, fromOpenAIError, fromRefusal, type AnthropicError } from './error.js'
import { MessageEvents, type MessageEvent } from './events.js'
import { isMembers, type Members } from './members.js'
import { unusable } from './message.js'
import type { ChatRequest } from './request.js'

/** Most characters of one event. */
const MAX_EVENT_LENGTH = 16 * 1024 * 1024

/**
 * Converts a stream of chat completions to one of Anthropic's API, event by event. A failure after its start
 * becomes an error event, which ends it: there is no message_stop without an end of the model's.
 *
 * @param onFailure - hears the error of a body that is cut or not authentic
 */
export async function* messageStream(
  body: ReadableStream<Uint8Array>,
  asked: ChatRequest,
  onFailure: (error: unknown) => void,
): AsyncGenerator<string> {
  const events = new MessageEvents(asked)
  try {
    for await (const chunk of chunksIn(body)) {
      if (isMembers(chunk['error'])) {
        yield frame(errorIn(chunk))
        return
      }
      const converted = [...events.convert(chunk)]
      if (converted.length > 0) yield converted.map(frame).join('')
    }
    yield [...events.end()].map(frame).join('')
  } catch (error) {
    onFailure(error)
    yield frame(errorOf(error))
  }
}

/**
 * Yields the JSON of each event. Reads on after `[DONE]`: the end of the body alone is authenticated.
 *
 * @throws the error of the body where it is cut
 */
async function* chunksIn(body: ReadableStream<Uint8Array>): AsyncGenerator<Members> {
  const arrived: string[] = []
  const parser = createParser({
    maxBufferSize: MAX_EVENT_LENGTH,
    onEvent: ({ data }) => arrived.push(data),
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') throw unusable('holds an event that is too long')
    },
  })
  const decoder = new TextDecoder()
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      parser.feed(decoder.decode(value, { stream: !done }))
      for (const data of arrived.splice(0)) if (data !== '[DONE]') yield parse(data)
      if (done) return
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

function parse(data: string): Members {
  try {
    const chunk: unknown = JSON.parse(data)
    if (isMembers(chunk)) return chunk
  } catch {
    // The engine's message would quote it.
  }
  throw unusable('holds an event that is not a JSON object')
}

/** Converts the error of a model server in the middle of a stream. */
function errorIn(chunk: Members): AnthropicError {
  const { status, code } = chunk['error'] as Members
  const given = [status, code].find((value) => Number.isSafeInteger(value)) as number | undefined
  return fromOpenAIError(given ?? 500, chunk, null)
}

function errorOf(error: unknown): AnthropicError {
  const refusal = error instanceof Refusal ? error : refusalFrom(error)
  if (refusal !== undefined) return fromRefusal(refusal)
  // SecurityError among them: its texts are fixed, but those of other errors may hold anything.
  const code = (error as { code?: unknown } | null)?.code
  return anthropicError(502, {
    message: 'The rest of the answer could not be used.',
    code: typeof code === 'string' ? code : 'ERR_UNEXPECTED',
  })
}

const frame = (event: MessageEvent | AnthropicError): string =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
