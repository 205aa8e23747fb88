import type { ServerResponse } from 'node:http'
import { beforeEach, describe, expect, it } from 'vitest'
import { chat, fileGateway } from '../support.js'
import { DONE, chunkOf, stream, textOf, usageEvent } from './stream-client.js'
import { startModelServer, type ModelServer } from '@nomyo-internal/testing'

const model: ModelServer = await startModelServer()
const gateway = await fileGateway({
  args: ['--upstream', model.url, '--stream-interval', '0', '--stream-idle-timeout', '2s'],
})
const demo = await fileGateway()

const streamed = (more: object = {}) => ({ content: chat('Hello!', { stream: true, ...more }) })

let responses: ServerResponse[] = []
/** Answers the requests of a test with these texts, the first at once. */
function answerWith(...texts: string[]): void {
  model.answer = (response, { method }) => {
    if (method === 'GET') return void response.end('{"data":[]}')
    responses.push(response)
    response.setHeader('content-type', 'text/event-stream')
    for (const text of texts) response.write(text)
  }
}

beforeEach(() => {
  responses = []
  model.seen.length = 0
})

const nextResponse = async (): Promise<ServerResponse> => {
  await expect.poll(() => responses.length).toBeGreaterThan(0)
  return responses[0]!
}

describe('a stream', () => {
  it('reaches the caller event by event', async () => {
    answerWith(chunkOf({ role: 'assistant', content: '' }))
    const received = await stream(gateway, streamed())
    await received.events(1)
    expect(received.status).toBe(200)
    expect(received.fields.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(received.fields.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    const response = await nextResponse()
    response.write(chunkOf({ content: 'Hi' }))
    await received.events(2)
    response.end(chunkOf({ content: ' you' }) + chunkOf({}, 'stop') + usageEvent + DONE)
    expect(await received.ended).toBe(true)
    expect(textOf(received)).toBe('Hi you')
    expect(received.data.at(-1)).toBe('[DONE]')
  })

  it('of the demo engine says that it is one', async () => {
    const received = await stream(demo, {
      content: { ...chat('Hello over there!', { stream: true }), model: 'nomyo/demo' },
    })
    expect(await received.ended).toBe(true)
    expect(textOf(received)).toMatch(/^\[demo engine, not a model\]/)
    expect(received.data.length).toBeGreaterThan(10)
  })
})
