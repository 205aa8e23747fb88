import { Agent, OpenAIProvider, Runner, tool } from '@openai/agents'
import OpenAI from 'openai'
import { z } from 'zod'
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
  const openAIClient = new OpenAI({ apiKey: API_KEY, baseURL: SDK_URL, fetch })
  const cities = []
  const weather = tool({
    name: 'weather',
    description: 'Tells the weather.',
    parameters: z.object({ city: z.string() }),
    execute: ({ city }) => {
      cities.push(city)
      return 'sunny'
    },
  })
  // Traces would go to OpenAI, in plaintext.
  const runnerOf = (useResponses) =>
    new Runner({
      modelProvider: new OpenAIProvider({ openAIClient, useResponses }),
      tracingDisabled: true,
    })
  const agent = (model, tools = [], others = {}) =>
    new Agent({ name: 'A', instructions: 'Help.', model, tools, ...others })
  const cases = (runner) => ({
    text: async () => equal((await runner.run(agent('m'), 'Hi')).finalOutput, TEXT),
    streamed: async () => {
      const result = await runner.run(agent('m'), 'Hi', { stream: true })
      let text = ''
      for await (const part of result.toTextStream()) text += part
      await result.completed
      equal(text, TEXT)
    },
    'streamed for a tool': async () => {
      cities.length = 0
      const result = await runner.run(agent('m', [weather]), 'Hi', { stream: true })
      let text = ''
      for await (const part of result.toTextStream()) text += part
      await result.completed
      equal(text, TEXT)
      deepEqual(cities, ['Rome'])
    },
    'with a schema': async () => {
      const outputType = z.object({ answer: z.number() })
      const { finalOutput } = await runner.run(agent('m', [], { outputType }), 'Hi')
      deepEqual(finalOutput, { answer: 42 })
    },
    'an unknown model': async () => nameOf(await failureOf(runner.run(agent('no-model'), 'Hi'))),
    'a stream that is lost': async () => {
      const result = await runner.run(agent('lost'), 'Hi', { stream: true })
      const read = async () => {
        let parts = 0
        for await (const part of result) parts += part ? 1 : 0
        await result.completed
        ok(parts >= 0)
      }
      return nameOf(await failureOf(read()))
    },
  })
  const named = (name, runner) =>
    Object.fromEntries(Object.entries(cases(runner)).map(([key, run]) => [`${name}: ${key}`, run]))
  return runCases({
    ...named('responses', runnerOf(true)),
    ...named('chat', runnerOf(false)),
  })
})
