import { APIConnectionError, APIError, SecureChatCompletion, SecurityError } from 'nomyo-js'

interface Settings {
  readonly NOMYO_BASE_URL: string
  readonly NOMYO_API_KEY?: string | null
  readonly MODEL: string
}

const MAX_BYTES = 64 * 1024

export default {
  async fetch(request: Request, settings: Settings): Promise<Response> {
    if (request.method !== 'POST') return new Response(null, { status: 405 })
    const length = Number(request.headers.get('content-length') ?? NaN)
    if (!(length <= MAX_BYTES)) return new Response(null, { status: 413 })
    const message = await request.text()
    // A worker keeps nothing from one request to the next: the client fetches the keys of the gateway.
    const client = new SecureChatCompletion({
      baseUrl: settings.NOMYO_BASE_URL,
      apiKey: settings.NOMYO_API_KEY ?? undefined,
      // Wire 1 would generate a key for every request.
      wire: 2,
      // Plain HTTP is for a gateway on this machine: on a network, an attacker could replace its keys.
      allowHttp: new URL(settings.NOMYO_BASE_URL).hostname === 'localhost',
    })
    try {
      const stream = await client.chat.completions.create({
        model: settings.MODEL,
        messages: [{ role: 'user', content: message }],
        stream: true,
      })
      return new Response(
        textOf(stream, () => client.dispose()),
        {
          headers: { 'content-type': 'text/plain; charset=utf-8' },
        },
      )
    } catch (error) {
      client.dispose()
      return new Response(null, { status: statusOf(error) })
    }
  },
}

type Answer = AsyncIterable<{ choices: { delta: { content?: string | null } }[] }>

/** The text of an answer while it arrives. It ends with an error where the answer is not whole. */
function textOf(answer: Answer, done: () => void): ReadableStream<Uint8Array> {
  const chunks = answer[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  return new ReadableStream({
    async pull(controller) {
      const chunk = await chunks.next().catch((error: unknown) => {
        done()
        throw error
      })
      if (!chunk.done) {
        controller.enqueue(encoder.encode(chunk.value.choices[0]?.delta.content ?? ''))
        return
      }
      done()
      controller.close()
    },
    // The visitor left: the request to the gateway ends, and the model stops.
    cancel: done,
  })
}

/** Refusals of the key or the model of this worker are no errors of the visitor. */
function statusOf(error: unknown): number {
  if (error instanceof SecurityError) return 502
  if (error instanceof APIConnectionError) return 503
  if (error instanceof APIError) return error.statusCode === 429 ? 429 : 502
  return 500
}
