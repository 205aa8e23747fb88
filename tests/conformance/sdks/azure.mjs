import { AzureOpenAI } from 'openai'
import { API_KEY, main, runCases } from './cases.mjs'
import { openaiCases } from './openai-cases.mjs'

await main((fetch) =>
  runCases(
    openaiCases(
      new AzureOpenAI({
        apiKey: API_KEY,
        apiVersion: '2025-04-01-preview',
        endpoint: 'https://azure.invalid',
        fetch,
      }),
    ),
  ),
)
