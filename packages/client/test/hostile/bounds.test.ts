import { faults } from '@nomyo/testkit'
import { describe, expect, it } from 'vitest'
import { APIError } from '../../src/index.js'
import { connect, failureOf, hello, newClient, newGateway } from './support.js'

describe('an answer that is too large', () => {
  it('is dropped with its connection', async () => {
    const { gateway, client } = await connect()
    gateway.always(faults.endless())
    for (let count = 0; count < 5; count++) await failureOf(client.create(hello))
    await expect.poll(() => gateway.connections.open).toBeLessThanOrEqual(1)
  })
})

describe('the body of an error', () => {
  async function refusal(body: string): Promise<unknown> {
    const gateway = await newGateway()
    gateway.next({
      name: 'refusal',
      appliesTo: 'any',
      answer: ({ response }) => void response.writeHead(400).end(body),
    })
    return failureOf(newClient(gateway).create(hello))
  }

  it.each([
    ['is a list in a list, 30,000 times', `{"detail":${'['.repeat(30_000)}${']'.repeat(30_000)}}`],
    [
      'is an object in one, 10,000 times',
      `{"detail":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`,
    ],
    ['is long', JSON.stringify({ detail: 'long '.repeat(10_000) })],
    ['is no JSON', '{"detail":'],
    ['is not UTF-8', '\u{fffd}\ud800'],
    ['calls itself a function', '{"detail":{"toJSON":1,"toString":2}}'],
    ['changes a prototype', '{"__proto__":{"polluted":1},"detail":{"__proto__":{"polluted":1}}}'],
  ])('is quoted shortened or not at all when it %s', async (_what, body) => {
    const error = await refusal(body)
    expect(error).toBeInstanceOf(APIError)
    expect(error).toMatchObject({ code: 'ERR_BAD_REQUEST', statusCode: 400 })
    expect((error as Error).message.length).toBeLessThan(1000)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('steers no terminal and forges no line of a log', async () => {
    const error = await refusal('{"detail":"a\\u001b[2Jb\\r\\nc\\u0085d\\u007f"}')
    expect((error as Error).message).not.toMatch(/\p{Cc}/u)
  })
})

describe('many calls that hang', () => {
  it('end together with their client, and so do their connections', async () => {
    const { gateway, client } = await connect({ maxRetries: 2 })
    gateway.always(faults.hang())
    const failures = Array.from({ length: 20 }, () => failureOf(client.create(hello)))
    await expect.poll(() => gateway.requests.length, { timeout: 10_000 }).toBe(20)
    client.dispose()
    for (const error of await Promise.all(failures)) {
      expect(error).toMatchObject({ code: 'ERR_ABORTED' })
    }
    await expect.poll(() => gateway.connections.open).toBe(0)
    expect(gateway.requests).toHaveLength(20)
  })
})

describe('a refusal that arrives before the end of the request', () => {
  it('is the error of the call', async () => {
    const gateway = await newGateway({ apiKey: 'the-key' })
    const client = newClient(gateway, { apiKey: 'another' })
    const content = 'x'.repeat(8 * 2 ** 20)
    for (let count = 0; count < 3; count++) {
      const error = await failureOf(
        client.create({ ...hello, messages: [{ role: 'user', content }] }),
      )
      expect(error).toMatchObject({ code: 'ERR_AUTHENTICATION', statusCode: 401 })
    }
  })
})
