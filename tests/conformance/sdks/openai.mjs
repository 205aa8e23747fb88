import OpenAI from 'openai'
import { API_KEY, SDK_URL, main, runCases } from './cases.mjs'
import { openaiCases } from './openai-cases.mjs'

await main((fetch) =>
  runCases(openaiCases(new OpenAI({ apiKey: API_KEY, baseURL: SDK_URL, fetch }))),
)
