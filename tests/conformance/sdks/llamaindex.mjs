import { OpenAI, OpenAIEmbedding, openaiResponses } from '@llamaindex/openai'
import { z } from 'zod'
import { tool } from '@llamaindex/core/tools'
import {
  API_KEY,
  SDK_URL,
  TEXT,
  deepEqual,
  equal,
  failureOf,
  main,
  nameOf,
  ok,
  runCases,
} from './cases.mjs'

await main((fetch) => {
  const additionalSessionOptions = { fetch, baseURL: SDK_URL }
  const options = (model) => ({ model, apiKey: API_KEY, additionalSessionOptions, maxRetries: 0 })
  const llm = (model) => new OpenAI(options(model))
  const messages = [{ role: 'user', content: 'Hi' }]
  const textOf = async (stream) => {
    let text = ''
    for await (const { delta } of stream) text += delta
    return text
  }
  const weather = tool({
    name: 'weather',
    description: 'Tells the weather.',
    parameters: z.object({ city: z.string() }),
    execute: ({ city }) => `sunny in ${city}`,
  })
  return runCases({
    chat: async () => equal((await llm('m').chat({ messages })).message.content, TEXT),
    'chat, streamed': async () =>
      equal(await textOf(await llm('m').chat({ messages, stream: true })), TEXT),
    'chat with a tool': async () => {
      const { message } = await llm('m').chat({ messages, tools: [weather] })
      const [call] = message.options.toolCall
      equal(call.name, 'weather')
      deepEqual(typeof call.input === 'string' ? JSON.parse(call.input) : call.input, {
        city: 'Rome',
      })
    },
    responses: async () => {
      const model = openaiResponses(options('m'))
      equal((await model.chat({ messages })).message.content, TEXT)
    },
    'responses, streamed': async () => {
      const model = openaiResponses(options('m'))
      // It repeats the last part at the end of every stream.
      ok((await textOf(await model.chat({ messages, stream: true }))).startsWith(TEXT))
    },
    embeddings: async () => {
      const embedding = new OpenAIEmbedding(options('m'))
      deepEqual(await embedding.getTextEmbedding('a'), [0.25, -0.5, 1])
    },
    'an unknown model': async () => nameOf(await failureOf(llm('no-model').chat({ messages }))),
    'a stream that is lost': async () => {
      const read = async () => textOf(await llm('lost').chat({ messages, stream: true }))
      return nameOf(await failureOf(read()))
    },
  })
})
