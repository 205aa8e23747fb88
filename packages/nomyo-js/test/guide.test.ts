import '@nomyo-internal/testing/vector-keys'
import { createGateway } from '@nomyo/gateway'
import { shared, startGateway } from '@nomyo-internal/testing'
import { AuthenticationError, InvalidRequestError, SecureChatCompletion } from 'nomyo-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** The first steps of the public guide, against a real gateway with its demo engine. */
describe('the first steps of the public guide', () => {
  const gateway = shared(() => startGateway(createGateway, { apiKeys: ['the-key-of-the-guide'] }))
  let client: SecureChatCompletion

  beforeAll(() => {
    client = new SecureChatCompletion({
      baseUrl: gateway().url,
      allowHttp: true,
      apiKey: 'the-key-of-the-guide',
      logger: { warn: () => undefined },
    })
  })

  afterAll(() => {
    client.dispose()
  })

  it('a simple completion', async () => {
    const response = await client.create({
      model: 'nomyo/echo',
      messages: [{ role: 'user', content: 'Good morning, ward 7.' }],
      temperature: 0.7,
    })
    expect(response.choices[0].message.content).toBe('Good morning, ward 7.')
    expect(response.object).toBe('chat.completion')
    expect(response.usage?.total_tokens).toBeGreaterThan(0)
    expect(response._metadata.is_encrypted).toBe(true)
  })

  it('a system message', async () => {
    const response = await client.create({
      model: 'Qwen/Qwen3-0.6B',
      messages: [
        { role: 'system', content: 'Answer in one sentence.' },
        { role: 'user', content: 'Where is the spleen?' },
      ],
      temperature: 0.7,
    })
    expect(response.choices[0].message.content).toContain('demo engine')
    expect(response.model).toBe('Qwen/Qwen3-0.6B')
  })

  it('a tool', async () => {
    const response = await client.create({
      model: 'Qwen/Qwen3-0.6B',
      messages: [{ role: 'user', content: 'How warm is it in Oslo?' }],
      tools: [
        {
          type: 'function',
          function: {
            name: 'get_temperature',
            description: 'Temperature in a city',
            parameters: {
              type: 'object',
              properties: { city: { type: 'string', description: 'Name of the city' } },
              required: ['city'],
            },
          },
        },
      ],
      tool_choice: 'auto',
    })
    const { message, finish_reason: finishReason } = response.choices[0]
    expect(finishReason).toBe('tool_calls')
    expect(message.tool_calls?.[0]?.function.name).toBe('get_temperature')
    expect(JSON.parse(message.tool_calls?.[0]?.function.arguments ?? '')).toHaveProperty('city')
  })

  it('a key and a tier for one request, and acreate', async () => {
    const messages = [{ role: 'user' as const, content: 'x' }]
    const call = client.acreate({ model: 'm', messages, api_key: 'wrong' })
    await expect(call).rejects.toBeInstanceOf(AuthenticationError)
    const response = await client.acreate({ model: 'm', messages, security_tier: 'maximum' })
    expect(response._metadata.security_tier).toBe('maximum')
  })

  it('a request the gateway cannot serve', async () => {
    const messages = [{ content: 'no role' }] as unknown as []
    const call = client.create({ model: 'm', messages })
    await expect(call).rejects.toBeInstanceOf(InvalidRequestError)
  })
})
