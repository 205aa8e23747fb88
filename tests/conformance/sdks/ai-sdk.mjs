import { createOpenAI } from '@ai-sdk/openai'
import { createNomyo } from '@nomyo/client/ai-sdk'
import * as sdk from 'ai'
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

const AUDIO_BYTES = 1000

await main(async (fetch, options) => {
  const nomyo = createNomyo({ ...options, apiKey: API_KEY })
  const openai = createOpenAI({ apiKey: API_KEY, baseURL: SDK_URL, fetch })
  const { generateText, streamText, embed, stepCountIs, isStepCount } = sdk
  const stopWhen = (isStepCount ?? stepCountIs)(3)
  const prompt = 'Hi'
  const embeddingModel = (provider) => (provider.embeddingModel ?? provider.textEmbeddingModel)('m')
  const weather = sdk.tool({
    description: 'Tells the weather.',
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => `sunny in ${city}`,
  })
  const schema = z.object({ answer: z.number() })
  /** Reads a stream of parts, which has its errors as parts. */
  const read = async (result) => {
    const seen = { text: '', error: undefined, tools: [], usage: undefined }
    for await (const part of result.stream ?? result.fullStream) {
      if (part.type === 'text-delta') seen.text += part.text
      if (part.type === 'error') seen.error = part.error
      if (part.type === 'tool-result') seen.tools.push(part.output)
      if (part.type === 'finish') seen.usage = part.totalUsage
    }
    return seen
  }
  const streamed = async (model, options = {}) =>
    read(streamText({ model, prompt, onError: () => undefined, maxRetries: 0, ...options }))
  const works = async (model) => {
    const { text, usage } = await generateText({ model, prompt })
    equal(text, TEXT)
    equal(usage.totalTokens, 7)
  }
  const streams = async (model, options) => {
    const { text, error, usage } = await streamed(model, options)
    equal(error, undefined)
    equal(text, TEXT)
    return usage
  }
  const callsTools = async (model, options = {}) => {
    const { text, error, tools } = await streamed(model, {
      tools: { weather },
      stopWhen,
      ...options,
    })
    if (error !== undefined) throw error
    equal(text, TEXT)
    deepEqual(tools, ['sunny in Rome'])
  }
  const withoutStore = { providerOptions: { openai: { store: false } } }
  const twoTurns = async (options = {}) => {
    const messages = [{ role: 'user', content: prompt }]
    const { response } = await generateText({ model: openai('m'), messages, ...options })
    messages.push(...response.messages, { role: 'user', content: prompt })
    const { text } = await generateText({ model: openai('m'), messages, maxRetries: 0, ...options })
    equal(text, TEXT)
  }
  const failsWith = async (name) => {
    const error = await streamed(nomyo(name)).then(
      (seen) => seen.error,
      (thrown) => thrown,
    )
    return error === undefined ? 'no error' : nameOf(error)
  }
  const speech = sdk.generateSpeech ?? sdk.experimental_generateSpeech
  const transcribe = sdk.transcribe ?? sdk.experimental_transcribe
  const generateImage = sdk.generateImage ?? sdk.experimental_generateImage
  return runCases({
    'createNomyo: chat': () => works(nomyo('m')),
    'createNomyo: chat, streamed': async () => equal((await streams(nomyo('m'))).totalTokens, 7),
    'createNomyo: chat, streamed for a tool': () => callsTools(nomyo('m')),
    'createNomyo: chat with a schema': async () => {
      const { object } = await sdk.generateObject({ model: nomyo('m'), prompt, schema })
      deepEqual(object, { answer: 42 })
    },
    'createNomyo: completions, streamed': async () =>
      void (await streams(nomyo.completionModel('m'))),
    'createNomyo: embeddings': async () => {
      const { embedding } = await embed({ model: embeddingModel(nomyo), value: 'a' })
      deepEqual(embedding, [0.25, -0.5, 1])
    },
    'createNomyo: images': async () => {
      const { image } = await generateImage({ model: nomyo.imageModel('m'), prompt: 'a cat' })
      equal(image.base64, 'iVBORw0KGgo=')
    },
    'createOpenAI: responses': () => works(openai('m')),
    'createOpenAI: responses, streamed': async () => void (await streams(openai('m'))),
    'createOpenAI: responses, the second turn': async () => nameOf(await failureOf(twoTurns())),
    'createOpenAI: responses, the second turn, store: false': () => twoTurns(withoutStore),
    'createOpenAI: responses, streamed for a tool': async () => {
      const error = await failureOf(callsTools(openai('m'))).catch(() => undefined)
      return error === undefined ? undefined : nameOf(error)
    },
    'createOpenAI: responses, streamed for a tool, store: false': () =>
      callsTools(openai('m'), withoutStore),
    'createOpenAI: chat, streamed': async () => void (await streams(openai.chat('m'))),
    'createOpenAI: embeddings': async () => {
      const { embedding } = await embed({ model: embeddingModel(openai), value: 'a' })
      deepEqual(embedding, [0.25, -0.5, 1])
    },
    'createOpenAI: images': async () => {
      const { image } = await generateImage({ model: openai.image('m'), prompt: 'a cat' })
      equal(image.base64, 'iVBORw0KGgo=')
    },
    'createOpenAI: speech': async () => {
      const { audio } = await speech({ model: openai.speech('m'), text: 'Hi' })
      ok(
        audio.uint8Array.length === 4096 && audio.uint8Array.every((byte, at) => byte === at % 256),
      )
    },
    'createOpenAI: transcriptions': async () => {
      const audio = new Uint8Array(AUDIO_BYTES)
      equal((await transcribe({ model: openai.transcription('m'), audio })).text, TEXT)
    },
    'an unknown model': () => failsWith('no-model'),
    'a stream that is lost': () => failsWith('lost'),
    'a stream that ends early': () => failsWith('unfinished'),
    'a stream that fails': () => failsWith('failing'),
    'an aborted stream': async () => {
      const controller = new globalThis.AbortController()
      const { signal: abortSignal } = controller
      const { textStream } = streamText({
        model: nomyo('endless'),
        prompt,
        abortSignal,
        onError: () => undefined,
      })
      let parts = 0
      for await (const part of textStream) if (part && ++parts === 1) controller.abort()
      ok(parts < 10)
    },
  })
})
