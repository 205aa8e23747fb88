import Instructor from '@instructor-ai/instructor'
import OpenAI from 'openai'
import { z } from 'zod'
import { API_KEY, SDK_URL, deepEqual, failureOf, main, nameOf, runCases } from './cases.mjs'

await main((fetch) => {
  const openai = new OpenAI({ apiKey: API_KEY, baseURL: SDK_URL, fetch })
  const schema = z.object({ answer: z.number() })
  const cases = (mode) => {
    const client = Instructor({ client: openai, mode })
    const request = (model, others = {}) => ({
      model,
      messages: [{ role: 'user', content: 'Hi' }],
      response_model: { schema, name: 'Answer' },
      ...others,
    })
    return {
      [`${mode}: an object`]: async () => {
        const { answer } = await client.chat.completions.create(request('m'))
        deepEqual(answer, 42)
      },
      [`${mode}: an object, streamed`]: async () => {
        const stream = await client.chat.completions.create(request('m', { stream: true }))
        let last
        for await (const partial of stream) last = partial
        deepEqual(last.answer, 42)
      },
      [`${mode}: an unknown model`]: async () =>
        nameOf(await failureOf(client.chat.completions.create(request('no-model')))),
    }
  }
  return runCases({ ...cases('TOOLS'), ...cases('JSON_SCHEMA') })
})
