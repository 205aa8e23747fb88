import { createNomyo } from '@nomyo/client/ai-sdk'
import { convertToModelMessages, safeValidateUIMessages, stepCountIs, streamText, tool } from 'ai'
import express from 'express'
import { z } from 'zod'

const { MODEL = 'Qwen/Qwen3-0.6B', NOMYO_BASE_URL = 'http://localhost:12435', PORT } = process.env

// It reads the API key of the gateway from NOMYO_API_KEY.
const nomyo = createNomyo({
  baseUrl: NOMYO_BASE_URL,
  // Plain HTTP is for a gateway on this machine: on a network, an attacker could replace its keys.
  allowHttp: new URL(NOMYO_BASE_URL).hostname === 'localhost',
})

const weather = tool({
  description: 'Returns the weather in a city',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => ({ city, celsius: 21 }),
})

/** Visitors send text: instructions are this server's own, and it would fetch the addresses of files. */
const isAllowed = ({ role, parts }) =>
  role !== 'system' && parts.every(({ type }) => type !== 'file')

const app = express()

app.post('/api/chat', express.json({ limit: '256kb' }), async (request, response) => {
  const checked = await safeValidateUIMessages({ messages: request.body?.messages })
  if (!checked.success || !checked.data.every(isAllowed)) {
    response.status(400).json({ error: 'messages must be those of useChat, with text alone' })
    return
  }
  // When the visitor leaves, the request to the gateway ends, and the model stops.
  const left = new AbortController()
  response.on('close', () => left.abort())
  const answer = streamText({
    model: nomyo(MODEL),
    messages: await convertToModelMessages(checked.data),
    tools: { weather },
    stopWhen: stepCountIs(3),
    abortSignal: left.signal,

    // Errors of the SDK hold the request in plaintext: log their names only.
    onError: ({ error }) => console.error(error instanceof Error ? error.name : 'Error'),
  })
  // Errors after the head are parts of the stream: `onError` gives the visitor their text.
  answer.pipeUIMessageStreamToResponse(response, { onError: () => 'The model cannot be reached.' })
})

const server = app.listen(Number(PORT ?? 3000), 'localhost', () =>
  console.log(`listening on http://localhost:${server.address().port}`),
)
process.once('SIGTERM', () => {
  server.close()
  nomyo.dispose()
})
