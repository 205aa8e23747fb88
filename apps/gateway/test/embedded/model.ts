import { join } from 'node:path'
import {
  APIError,
  SecureChatCompletion,
  type ChatCompletion,
  type ChatCompletionRequest,
} from '@nomyo/client'
import {
  installedNodeLlamaCpp,
  temporaryFolder,
  writeTinyModel,
  type TinyModelOptions,
} from '@nomyo-internal/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { startGateway, type TestGateway } from '../support.js'

/** Folder with the library; undefined where it cannot be had. */
export const library = await installedNodeLlamaCpp()

/** API key that the client uses where the gateway has it. */
export const API_KEY = 'a-key-of-the-first-caller'

/** Words that start a gateway with a tiny model on one thread: more of them wait for each other on a busy machine. */
export const modelArguments = (path: string, ...more: readonly string[]): readonly string[] => [
  ...['--model', path, '--model-library', library ?? '', '--model-threads', '1', ...more],
]

/** A gateway with a tiny model, and its client. */
export interface ModelGateway {
  readonly gateway: TestGateway
  readonly client: SecureChatCompletion
  /** Asks one question. */
  ask(content: string, members?: Readonly<Record<string, unknown>>): Promise<ChatCompletion>
}

/** Starts a gateway with a tiny model for the tests of a file. */
export function fileModel(
  args: readonly string[] = [],
  options: TinyModelOptions = {},
): ModelGateway {
  let gateway: TestGateway
  let client: SecureChatCompletion
  beforeAll(async () => {
    const path = join(temporaryFolder(), 'tiny.gguf')
    writeTinyModel(path, options)
    gateway = await startGateway({ args: modelArguments(path, ...args) })
    client = new SecureChatCompletion({
      ...{ baseUrl: gateway.url, allowHttp: true, maxRetries: 0 },
      ...(args.includes(API_KEY) ? { apiKey: API_KEY } : {}),
    })
  })
  afterAll(async () => {
    client.dispose()
    await gateway.stop()
  })
  return {
    get gateway() {
      return gateway
    },
    get client() {
      return client
    },
    ask: (content, members) => client.create({ ...question(content), ...members }),
  }
}

/** A request with one question. */
export const question = (content: string): ChatCompletionRequest => ({
  model: 'tiny',
  messages: [{ role: 'user', content }],
})

/** Checks that a call is refused by the engine, in words of its own for the caller. */
export async function expectRefusal(
  call: Promise<unknown>,
  facts: { readonly status: number; readonly code?: string; readonly param?: string },
): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(APIError)
  const { statusCode: status, sealedError, authenticated } = error as APIError
  expect({ ...sealedError, status, authenticated }).toMatchObject({ ...facts, authenticated: true })
}
