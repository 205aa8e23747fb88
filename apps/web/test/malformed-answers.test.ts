import type { ChatCompletion, ChatCompletionRequest } from '@nomyo/client'
import { describe, expect, it } from 'vitest'
import { Conversation, type Turn } from '../src/chat/conversation.js'
import { currentTime } from '../src/tools/current-time.js'

const CALL = {
  id: 'c1',
  type: 'function',
  function: { name: 'current_time', arguments: '{}' },
}

describe('a malformed answer', () => {
  it.each<[unknown, string]>([
    [{}, ''],
    [{ choices: null }, ''],
    [{ choices: [] }, ''],
    [{ choices: 'text' }, ''],
    [{ choices: [null] }, ''],
    [{ choices: [{ message: 'text' }] }, ''],
    [messageOf({ content: 'a', tool_calls: null }), 'a'],
    [messageOf({ content: 'a', tool_calls: { length: 1 } }), 'a'],
    [messageOf({ content: { text: 'a' } }), ''],
    [messageOf({ content: 1, refusal: 'no' }), 'no'],
    [messageOf({ refusal: ['n', null, { text: 'no' }] }), 'no'],
    [messageOf({ content: [{ type: 'text', text: 'a' }, null, { text: 1 }, { text: 'b' }] }), 'ab'],
    [messageOf({ tool_calls: [null, 'x', {}, { ...CALL, id: 1 }] }), ''],
    [messageOf({ tool_calls: [{ ...CALL, function: null }] }), ''],
    [messageOf({ tool_calls: [{ ...CALL, function: { name: 'x', arguments: {} } }] }), ''],
  ])('is shown as far as it is readable: %j', async (completion, text) => {
    const { turns } = await converse(completion)
    expect(turns).toMatchObject([{ kind: 'answer', text, model: 'Model' }])
  })

  it('names its model as text only', async () => {
    const { turns } = await converse({ model: 'one' }, { model: { toString: 1 } })
    expect(turns).toMatchObject([{ model: 'one' }, { model: 'Model' }])
  })

  it('gets no more than 32 calls run, each with its result', async () => {
    const calls = Array.from({ length: 40 }, (_, at) => ({ ...CALL, id: `c${at}` }))
    const { turns, asked } = await converse(messageOf({ tool_calls: calls }))
    expect(turns.filter(({ kind }) => kind === 'tool')).toHaveLength(4 * 32)
    const [, calling, ...results] = asked[1] ?? []
    expect(calling).toMatchObject({ tool_calls: { length: 32 } })
    expect(results).toMatchObject(calls.slice(0, 32).map(({ id }) => ({ tool_call_id: id })))
  })

  it('leaves no call without a result in the conversation', async () => {
    const endless = messageOf({ tool_calls: [CALL] })
    const { asked } = await converse(endless, messageOf({ content: 'done' }))
    const last = asked.at(-1) ?? []
    expect(last.filter((message) => 'tool_calls' in message)).toHaveLength(4)
    expect(last.filter(({ role }) => role === 'tool')).toHaveLength(4)
    expect(last.at(-2)).toEqual({ role: 'assistant', content: '' })
  })
})

const messageOf = (message: Record<string, unknown>): unknown => ({ choices: [{ message }] })

/** Sends a message for each of the answers, which is repeated as often as it is requested. */
async function converse(...answers: readonly unknown[]): Promise<{
  readonly turns: readonly Turn[]
  readonly asked: readonly ChatCompletionRequest['messages'][]
}> {
  const conversation = new Conversation()
  const turns: Turn[] = []
  const asked: ChatCompletionRequest['messages'][] = []
  for (const answer of answers) {
    await conversation.send(
      'go',
      ({ messages }) => {
        asked.push(messages)
        return Promise.resolve(answer as ChatCompletion)
      },
      [currentTime],
      (turn) => turns.push(turn),
    )
  }
  return { turns, asked }
}
