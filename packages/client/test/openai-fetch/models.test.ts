import OpenAI, { AzureOpenAI } from 'openai'
import { expect, it } from 'vitest'
import { failureOf } from '../hostile/support.js'
import { createNomyoFetch } from '../../src/openai-fetch/index.js'
import { InvalidRequestError, type SecureChatCompletion } from '../../src/index.js'
import { SDK_URL, useGateway, useNomyoFetch } from './support.js'

const gatewayUrl = useGateway()
const noRoute = new InvalidRequestError('ERR_ROUTE', 'text')
const { network, nomyoFetch, openai } = useNomyoFetch()

it('lists the models of the gateway', async () => {
  network.target = gatewayUrl()
  const names: string[] = []
  for await (const { id } of openai().models.list()) names.push(id)
  expect(names).toContain('nomyo/echo')
  expect(network.urls).toEqual(['https://gateway.test/v1/models'])
})

it('describes one of them, by its name', async () => {
  network.target = gatewayUrl()
  expect(await openai().models.retrieve('nomyo/echo')).toMatchObject({ id: 'nomyo/echo' })
  const error = await failureOf(openai().models.retrieve('nomyo/none'))
  expect(error).toBeInstanceOf(OpenAI.NotFoundError)
  expect(error).toMatchObject({ code: 'model_not_found' })
  const unreadable = await nomyoFetch(`${SDK_URL}/models/%E0%A4%A`, {
    headers: { authorization: 'Bearer the-key-of-the-sdk' },
  })
  expect(unreadable.status).toBe(404)
})

it('takes the key of the SDK, that of Azure too, and no other header', async () => {
  network.target = gatewayUrl()
  const refused = await failureOf(openai({ apiKey: 'another-key-of-16-chars' }).models.list())
  expect(refused).toBeInstanceOf(OpenAI.AuthenticationError)
  const azure = new AzureOpenAI({
    apiKey: 'the-key-of-the-sdk',
    apiVersion: '2024-10-21',
    endpoint: 'https://azure.test',
    fetch: nomyoFetch,
    maxRetries: 0,
  })
  expect((await azure.models.list()).data.length).toBeGreaterThan(0)
  const completion = await azure.chat.completions.create({
    model: 'nomyo/echo',
    messages: [{ role: 'user', content: 'Hello!' }],
  })
  expect(completion.choices[0]?.message.content).toBe('Hello!')
})

it('fails where the gateway has no list', async () => {
  const listModels = (): Promise<undefined> => Promise.resolve(undefined)
  const client = { fetch: () => Promise.reject(noRoute), listModels }
  const noList = createNomyoFetch({ client: client as unknown as SecureChatCompletion })
  expect((await noList(`${SDK_URL}/models`)).status).toBe(502)
})

it('names the mistake where createNomyoFetch itself is given as fetch, without a retry', async () => {
  let calls = 0
  const given = ((...args: Parameters<typeof fetch>) => {
    calls++
    return (createNomyoFetch as unknown as typeof fetch)(...args)
  }) as typeof fetch
  const sdk = new OpenAI({ apiKey: 'k', fetch: given, maxRetries: 2 })
  const error = await failureOf(sdk.chat.completions.create({ model: 'm', messages: [] }))
  expect(error).toBeInstanceOf(OpenAI.BadRequestError)
  expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' })
  expect(calls).toBe(1)
})
