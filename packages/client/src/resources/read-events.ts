import { SecurityError } from '@nomyo/crypto/errors'
import { errorFromResponse, type APIError, type Deadline } from '@nomyo/transport'
import { toSealedError } from '../completion/read-completion.js'
import { isObject } from '../config/checks.js'
import { parseObject } from '../config/parse-object.js'
import { EventParser, type ServerSentEvent } from '../sse/event-parser.js'

/** The parts of a stream in progress. */
export interface StreamedAnswer {
  readonly response: Response
  /** Ends the stream without an error. */
  readonly controller: AbortController
  /** Joins the signals of the call; cleared at the end. */
  readonly call: Deadline
}

/**
 * Returns the JSON of the events of a stream, as they come. The stream is complete when its authenticated end
 * came, which `[DONE]` is no proof of.
 *
 * @throws APIError for an error of the model server
 * @throws APIConnectionError `ERR_TRUNCATED`, `ERR_TIMEOUT`, `ERR_ABORTED`
 * @throws SecurityError for a stream that is not authentic, malformed or too large
 */
export function readEvents<Item>(
  body: ReadableStream<Uint8Array>,
  answer: StreamedAnswer,
): AsyncIterator<Item> {
  const reader = body.getReader()
  const end = (): void => {
    answer.call.clear()
    reader.cancel().catch(() => undefined)
  }
  const items = itemsOf<Item>(reader, answer, end)
  return {
    next: () => items.next(),
    return: () => {
      // A generator that has not begun, or waits for its next part, would not end the answer now.
      end()
      return items.return()
    },
  }
}

async function* itemsOf<Item>(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { response, controller, call }: StreamedAnswer,
  end: () => void,
): AsyncGenerator<Item, void> {
  const parser = new EventParser()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      for (const event of parser.push(value)) {
        // One part may hold many events.
        call.signal.throwIfAborted()
        if (event.data !== '[DONE]') yield itemOf(event, response) as Item
      }
    }
  } catch (error) {
    if (!controller.signal.aborted) throw error
  } finally {
    end()
  }
}

function itemOf({ event, data }: ServerSentEvent, response: Response): Record<string, unknown> {
  const item = parseObject(data)
  if (item === undefined) {
    throw new SecurityError('ERR_PLAINTEXT_INVALID', 'An event of the stream is malformed.')
  }
  const { error } = item
  if (event === 'error' || isObject(error) || isText(error)) throw errorOf(item, response)
  return item
}

/** Some model servers have no more than a text. */
const isText = (error: unknown): error is string => typeof error === 'string' && error !== ''

/** Builds the error of an event, as that of a refusal. */
function errorOf(item: Record<string, unknown>, { headers }: Response): APIError {
  const { error: given } = item
  const error = isObject(given) ? given : isText(given) ? { message: given } : item
  const sealed = toSealedError({ status: 502, ...error })
  return errorFromResponse(
    {
      status: sealed?.status ?? 502,
      header: () => undefined,
      body: new TextEncoder().encode(JSON.stringify({ error })),
    },
    headers.get('x-request-id') ?? undefined,
    sealed,
    { authenticated: true },
  )
}
