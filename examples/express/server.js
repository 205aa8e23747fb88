import { pipeline } from 'node:stream/promises'
import express from 'express'
import { APIConnectionError, APIError, SecureChatCompletion, SecurityError } from 'nomyo-js'

const { MODEL = 'Qwen/Qwen3-0.6B', NOMYO_BASE_URL = 'http://localhost:12435', PORT } = process.env

// One client for all requests: it learns the keys of the gateway once, and keeps its connections.
// It reads the API key of the gateway from NOMYO_API_KEY.
const nomyo = new SecureChatCompletion({
  baseUrl: NOMYO_BASE_URL,
  // Plain HTTP is for a gateway on this machine: on a network, an attacker could replace its keys.
  allowHttp: new URL(NOMYO_BASE_URL).hostname === 'localhost',
})

const app = express()

app.post('/chat', express.json({ limit: '64kb' }), async (request, response) => {
  const message = request.body?.message
  if (typeof message !== 'string') {
    response.status(400).json({ error: 'message must be a string' })
    return
  }
  // When the visitor leaves, the request to the gateway ends, and the model stops.
  const left = new AbortController()
  response.on('close', () => left.abort())
  const stream = await nomyo.chat.completions.create(
    { model: MODEL, messages: [{ role: 'user', content: message }], stream: true },
    { signal: left.signal },
  )
  response.type('text/plain')
  await pipeline(async function* () {
    for await (const { choices } of stream) yield choices[0]?.delta.content ?? ''
  }, response)
})

// Express recognizes the handler of errors by its four parameters.
app.use((error, _request, response, _next) => {
  const [status, code] = [statusOf(error), error.code ?? error.type ?? 'ERR_INTERNAL']
  // Not the error itself: its message may have words of the model server.
  if (status >= 500) console.error(error.name, code)
  // A part of the answer was sent: the connection is cut, so that the part does not look whole.
  if (response.headersSent) response.destroy()
  else response.status(status).json({ error: code })
})

/** Refusals of the key or the model of this server are no errors of the visitor. */
function statusOf(error) {
  if (error instanceof SecurityError) return 502
  if (error instanceof APIConnectionError) return 503
  if (error instanceof APIError) return error.statusCode === 429 ? 429 : 502
  return error.status ?? 500 // of express.json()
}

const server = app.listen(Number(PORT ?? 3000), 'localhost', () =>
  console.log(`listening on http://localhost:${server.address().port}`),
)
process.once('SIGTERM', () => {
  server.close()
  nomyo.dispose()
})
