import type { ChatCompletion, ChatCompletionRequest } from '@nomyo/client'
import { describe, expect, it } from 'vitest'
import { Conversation, type Turn } from '../src/conversation.js'
import { currentTime } from '../src/tools/current-time.js'

const CALL = {
  id: 'c1',
  type: 'function',
  function: { name: 'current_time', arguments: '{}' },
}

describe('an answer that is not as it should be', () => {
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
  ])('is shown as what can be read of it: %j', async (completion, text) => {
    const { turns } = await hear(completion)
    expect(turns).toMatchObject([{ kind: 'answer', text, model: 'Model' }])
  })

  it('names its model as text only', async () => {
    const { turns } = await hear({ model: 'one' }, { model: { toString: 1 } })
    expect(turns).toMatchObject([{ model: 'one' }, { model: 'Model' }])
  })

  it('gets no more than 32 calls run, each with its result', async () => {
    const calls = Array.from({ length: 40 }, (_, at) => ({ ...CALL, id: `c${at}` }))
    const { turns, asked } = await hear(messageOf({ tool_calls: calls }))
    expect(turns.filter(({ kind }) => kind === 'tool')).toHaveLength(4 * 32)
    const [, said, ...results] = asked[1] ?? []
    expect(said?.tool_calls).toHaveLength(32)
    expect(results.map((result) => result.tool_call_id)).toEqual(
      calls.slice(0, 32).map(({ id }) => id),
    )
  })

  it('leaves no call without a result in what is remembered', async () => {
    const endless = messageOf({ tool_calls: [CALL] })
    const { asked } = await hear(endless, messageOf({ content: 'done' }))
    const remembered = asked.at(-1) ?? []
    expect(remembered.filter((message) => 'tool_calls' in message)).toHaveLength(4)
    expect(remembered.filter(({ role }) => role === 'tool')).toHaveLength(4)
    expect(remembered.at(-2)).toEqual({ role: 'assistant', content: '' })
  })
})

const messageOf = (message: Record<string, unknown>): unknown => ({ choices: [{ message }] })

/** Says something for each of the answers, which comes as often as it is asked for. */
async function hear(...answers: readonly unknown[]): Promise<{
  readonly turns: readonly Turn[]
  readonly asked: readonly ChatCompletionRequest['messages'][]
}> {
  const conversation = new Conversation()
  const turns: Turn[] = []
  const asked: ChatCompletionRequest['messages'][] = []
  for (const answer of answers) {
    await conversation.say(
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
