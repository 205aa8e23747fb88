import { join } from 'node:path'
import { SecureChatCompletion, type ChatCompletionRequest } from '@nomyo/client'
import {
  installedNodeLlamaCpp,
  temporaryFolder,
  TINY_TEXT,
  writeTinyModel,
} from '@nomyo-internal/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from '../support.js'

const library = await installedNodeLlamaCpp()

describe.skipIf(library === undefined)('a model in this process', () => {
  const path = join(temporaryFolder(), 'tiny.gguf')
  let gateway: TestGateway
  let client: SecureChatCompletion

  beforeAll(async () => {
    writeTinyModel(path)
    gateway = await startGateway({
      args: [
        ...['--model', path, '--model-library', library ?? '', '--model-threads', '1'],
        ...['--model-context', '4096', '--model-parallel', '2', '--model-queue', '1'],
      ],
    })
    client = new SecureChatCompletion({ baseUrl: gateway.url, allowHttp: true, maxRetries: 0 })
  })
  afterAll(async () => {
    client.dispose()
    await gateway.stop()
  })

  const ask = (content: string, members: Partial<ChatCompletionRequest> = {}) =>
    client.create({ model: 'tiny', messages: [{ role: 'user', content }], ...members })

  it('answers', async () => {
    const answer = await ask('Hello')
    expect(answer.choices[0].message).toMatchObject({ role: 'assistant', content: TINY_TEXT })
  })
})
