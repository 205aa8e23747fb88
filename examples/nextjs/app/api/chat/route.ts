import { APIConnectionError, APIError, SecurityError } from 'nomyo-js'
import { nomyo } from '../../../lib/nomyo'

const MAX_BYTES = 64 * 1024

export async function POST(request: Request): Promise<Response> {
  // Next.js itself accepts bodies of any size.
  if (!(Number(request.headers.get('content-length') ?? NaN) <= MAX_BYTES)) {
    return Response.json({ error: `at most ${MAX_BYTES} bytes` }, { status: 413 })
  }
  const body: unknown = await request.json().catch(() => undefined)
  const message = typeof body === 'object' && body !== null && 'message' in body && body.message
  if (typeof message !== 'string') {
    return Response.json({ error: 'message must be a string' }, { status: 400 })
  }
  try {
    const stream = await nomyo.chat.completions.create(
      {
        model: process.env.MODEL ?? 'Qwen/Qwen3-0.6B',
        messages: [{ role: 'user', content: message }],
        stream: true,
      },
      // When the visitor leaves, the request to the gateway ends, and the model stops.
      { signal: request.signal },
    )
    const headers = { 'content-type': 'text/plain; charset=utf-8' }
    return new Response(textOf(stream), { headers })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'ERR_INTERNAL'
    // Not the error itself: its message may have words of the model server.
    console.error(code)
    return Response.json({ error: code }, { status: statusOf(error) })
  }
}

type Answer = AsyncIterable<{ choices: { delta: { content?: string | null } }[] }>

/** The text of an answer while it arrives. It ends with an error where the answer is not whole. */
function textOf(answer: Answer): ReadableStream<Uint8Array> {
  const chunks = answer[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  return new ReadableStream({
    async pull(controller) {
      const chunk = await chunks.next()
      if (chunk.done) controller.close()
      else controller.enqueue(encoder.encode(chunk.value.choices[0]?.delta.content ?? ''))
    },
    async cancel() {
      await chunks.return?.()
    },
  })
}

/** Refusals of the key or the model of this server are no errors of the visitor. */
function statusOf(error: unknown): number {
  if (error instanceof SecurityError) return 502
  if (error instanceof APIConnectionError) return 503
  if (error instanceof APIError) return error.statusCode === 429 ? 429 : 502
  return 500
}
