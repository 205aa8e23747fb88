// An agent that calls a tool: prompts, calls and results of tools travel encrypted.
import { createNomyoFetch } from '@nomyo/client/openai-fetch'
import { ChatOpenAI } from '@langchain/openai'
import { createAgent, tool } from 'langchain'
import { z } from 'zod'

const { MODEL = 'Qwen/Qwen3-0.6B', NOMYO_BASE_URL = 'http://localhost:12435' } = process.env

const nomyoFetch = createNomyoFetch({
  baseUrl: NOMYO_BASE_URL,
  // Plain HTTP is for a gateway on this machine: on a network, an attacker could replace its keys.
  allowHttp: new URL(NOMYO_BASE_URL).hostname === 'localhost',
  maxRetries: 2,
})

const CELSIUS = { Rome: 24, Oslo: 7 }

const temperature = tool(({ city }) => `${CELSIUS[city]} °C in ${city}`, {
  name: 'temperature',
  description: 'Returns the temperature in a city.',
  schema: z.object({ city: z.enum(Object.keys(CELSIUS)) }),
})

const agent = createAgent({
  model: new ChatOpenAI({
    model: MODEL,
    apiKey: process.env.NOMYO_API_KEY ?? 'none',
    // LangChain has rules of its own for retries; the client above knows those of the gateway.
    maxRetries: 0,
    configuration: { fetch: nomyoFetch },
  }),
  tools: [temperature],
  systemPrompt: 'Answer in one sentence.',
})

try {
  await main(process.argv[2] ?? 'How warm is it in Rome?')
} catch (error) {
  // The error of the client is inside the one of the SDK of OpenAI.
  const { code, message } = error.cause ?? error
  console.error(`${code}: ${message}`)
  process.exitCode = 1
} finally {
  nomyoFetch.dispose()
}

async function main(question) {
  const { messages } = await agent.invoke({ messages: [{ role: 'user', content: question }] })

  for (const { type, text, tool_calls: calls = [] } of messages) {
    for (const { name, args } of calls) console.log(`${type} calls ${name} ${JSON.stringify(args)}`)
    if (text) console.log(`${type}: ${text}`)
  }
}
