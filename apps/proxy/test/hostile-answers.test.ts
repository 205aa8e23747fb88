import { shared } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'
import { complete, hello, newProxy, useGateway, useModel } from './support.js'

const model = useModel()
const gateway = useGateway(model.engine)
const proxy = shared(() => newProxy(gateway(), ['--wire', '1']))

const message = { role: 'assistant', content: 'a' }
const long = 'x'.repeat(1_000_000)

it.each<[string, object]>([
  ['150,000 choices', { choices: Array(150_000).fill({ message }) }],
  ['a message that is a text', { choices: [{ message: 'text' }] }],
  ['a choice of nothing', { choices: [{ message }, null] }],
  ['tool calls that are a text', { choices: [{ message: { ...message, tool_calls: 'text' } }] }],
  ['a long model', { model: long, choices: [{ message }] }],
  ['no choice', { choices: [] }],
])('an answer with %s is refused as a stream, in a few bytes', async (_what, answer) => {
  model.complete = (response) => response.end(JSON.stringify(answer))
  const { status, body } = await complete(proxy(), hello({ stream: true }))
  expect(status).toBeGreaterThanOrEqual(400)
  expect(body.length).toBeLessThan(1000)
})

it.each([long, [long], { long }])('the index of a choice is a number', async (index) => {
  const calls = Array.from({ length: 50 }, (_, id) => ({ id: `call ${id}` }))
  const choices = [{ index, message: { ...message, tool_calls: calls } }]
  model.complete = (response) => response.end(JSON.stringify({ choices }))
  const { status, body } = await complete(proxy(), hello({ stream: true }))
  expect(status).toBe(200)
  expect(body).toContain('[DONE]')
  expect(body.length).toBeLessThan(50_000)
})
