import { toFile } from 'openai'
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod'
import { z } from 'zod'
import { TEXT, deepEqual, equal, failureOf, nameOf, ok } from './cases.mjs'

const messages = [{ role: 'user', content: 'Hi' }]
const request = { model: 'm', messages }
const weather = () => {
  const cities = []
  const tool = zodFunction({
    name: 'weather',
    parameters: z.object({ city: z.string() }),
    function: ({ city }) => {
      cities.push(city)
      return 'sunny'
    },
  })
  return { cities, tool }
}

/** The cases of a client of the SDK. */
export function openaiCases(client) {
  const textOf = async (stream, pick) => {
    let text = ''
    for await (const part of stream) text += pick(part) ?? ''
    return text
  }
  return {
    chat: async () => {
      const { choices, usage } = await client.chat.completions.create(request)
      equal(choices[0].message.content, TEXT)
      equal(usage.total_tokens, 7)
    },
    'chat, streamed': async () => {
      const { data, response } = await client.chat.completions
        .create({ ...request, stream: true })
        .withResponse()
      equal(response.headers.get('x-nomyo-stream'), null)
      ok(response.headers.get('x-request-id'))
      ok(response.url.endsWith('/chat/completions') || response.url.includes('/chat/completions?'))
      equal(await textOf(data, ({ choices }) => choices[0]?.delta.content), TEXT)
    },
    'chat, streamed for a tool': async () => {
      const { tool, cities } = weather()
      const runner = client.chat.completions.runTools({ ...request, tools: [tool], stream: true })
      equal(await runner.finalContent(), TEXT)
      deepEqual(cities, ['Rome'])
    },
    'chat with a schema': async () => {
      const response_format = zodResponseFormat(z.object({ answer: z.number() }), 'answer')
      const { choices } = await client.chat.completions.parse({ ...request, response_format })
      deepEqual(choices[0].message.parsed, { answer: 42 })
      const streamed = client.chat.completions.stream({ ...request, response_format })
      deepEqual((await streamed.finalChatCompletion()).choices[0].message.parsed, { answer: 42 })
    },
    responses: async () => {
      const { output_text } = await client.responses.create({ model: 'm', input: 'Hi' })
      equal(output_text, TEXT)
    },
    'responses, streamed': async () => {
      const stream = client.responses.stream({ model: 'm', input: 'Hi' })
      let text = ''
      stream.on('response.output_text.delta', ({ delta }) => (text += delta))
      equal((await stream.finalResponse()).output_text, TEXT)
      equal(text, TEXT)
    },
    'completions, streamed': async () => {
      const stream = await client.completions.create({ model: 'm', prompt: 'Hi', stream: true })
      equal(await textOf(stream, ({ choices }) => choices[0]?.text), TEXT)
    },
    embeddings: async () => {
      const { data } = await client.embeddings.create({ model: 'm', input: ['a', 'b'] })
      deepEqual(
        data.map(({ embedding }) => embedding),
        [
          [0.25, -0.5, 1],
          [0.25, -0.5, 1],
        ],
      )
    },
    models: async () => {
      equal((await client.models.list()).data[0].id, 'm')
      equal((await client.models.retrieve('m')).id, 'm')
    },
    images: async () => {
      const { data } = await client.images.generate({ model: 'm', prompt: 'a cat' })
      equal(data[0].b64_json, 'iVBORw0KGgo=')
    },
    speech: async () => {
      const response = await client.audio.speech.create({ model: 'm', input: 'Hi', voice: 'alloy' })
      const bytes = new Uint8Array(await response.arrayBuffer())
      equal(bytes.length, 4096)
      ok(bytes.every((byte, index) => byte === index % 256))
    },
    transcriptions: async () => {
      const file = await toFile(new Uint8Array(1000), 'a.wav', { type: 'audio/wav' })
      equal((await client.audio.transcriptions.create({ model: 'm', file })).text, TEXT)
    },
    'an unknown model': async () =>
      nameOf(
        await failureOf(
          client.chat.completions.create({ ...request, model: 'no-model', stream: true }),
        ),
      ),
    'a stream that is lost': async () => {
      const stream = await client.chat.completions.create({
        ...request,
        model: 'lost',
        stream: true,
      })
      return nameOf(await failureOf(textOf(stream, () => '')))
    },
    'a stream that ends early': async () => {
      const stream = await client.chat.completions.create({
        ...request,
        model: 'unfinished',
        stream: true,
      })
      return nameOf(await failureOf(textOf(stream, () => '')))
    },
    'a stream that fails': async () => {
      const stream = await client.chat.completions.create({
        ...request,
        model: 'failing',
        stream: true,
      })
      return nameOf(await failureOf(textOf(stream, () => '')))
    },
    'an aborted stream': async () => {
      const stream = await client.chat.completions.create({
        ...request,
        model: 'endless',
        stream: true,
      })
      let parts = 0
      for await (const part of stream) if (part && ++parts === 2) stream.controller.abort()
      ok(parts < 10)
    },
    files: async () => {
      const file = await toFile(new Uint8Array(10), 'a.txt')
      return nameOf(await failureOf(client.files.create({ file, purpose: 'assistants' })))
    },
  }
}
