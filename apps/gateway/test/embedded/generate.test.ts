import { describe, expect, it } from 'vitest'
import { EventLoopTurns } from '../../src/json/event-loop-turns.js'
import { prepareChat } from '../../src/upstreams/embedded/generate.js'
import type { Sequence } from '../../src/upstreams/embedded/library.js'
import type { LoadedModel } from '../../src/upstreams/embedded/load-model.js'
import { readChatTask } from '../../src/upstreams/embedded/request/chat-task.js'

const task = (content: string) =>
  readChatTask({ model: 'tiny', messages: [{ role: 'user', content }] })

/** A model of a token for each character, which records what it divides. */
function fakeModel(contextSize: number) {
  const divided: number[] = []
  const tokenize = (text: string): number[] => {
    divided.push(text.length)
    return Array.from({ length: text.length }, () => 1)
  }
  const loaded = {
    context: { contextSize },
    model: { tokenizer: {}, tokenize },
    chatWrapper: {
      generateContextState: ({ chatHistory }: { chatHistory: readonly { text?: string }[] }) => {
        const text = chatHistory.map((item) => item.text ?? '').join('')
        return { contextText: { tokenize: () => tokenize(text) }, stopGenerationTriggers: [] }
      },
    },
  } as unknown as LoadedModel
  return { loaded, divided }
}

describe('the preparation of an answer', () => {
  it('divides a text that is far too long only until that is certain', async () => {
    const { loaded, divided } = fakeModel(1000)
    const call = prepareChat(task('x'.repeat(1e7)), loaded, new EventLoopTurns())
    await expect(call).rejects.toMatchObject({ inner: { code: 'context_length_exceeded' } })
    expect(divided).toEqual([32_768])
  })

  it('leaves room for one token of the answer', async () => {
    const { loaded } = fakeModel(1000)
    const prepare = (length: number) =>
      prepareChat(task('x'.repeat(length)), loaded, new EventLoopTurns())
    await expect(prepare(998)).resolves.toBeTypeOf('function')
    await expect(prepare(999)).rejects.toMatchObject({ inner: { code: 'context_length_exceeded' } })
  })
})

describe('the evaluation of a prompt', () => {
  it('ends with the step in which its caller disconnects', async () => {
    const { loaded } = fakeModel(10_000)
    const generate = await prepareChat(task('x'.repeat(5000)), loaded, new EventLoopTurns())
    const controller = new AbortController()
    const steps: number[] = []
    const sequence = {
      nextTokenIndex: 1000,
      adaptStateToTokens: () => Promise.resolve(),
      evaluateWithoutGeneratingNewTokens: (tokens: readonly number[]) => {
        if (steps.push(tokens.length) === 3) controller.abort(new Error('gone'))
        return Promise.resolve()
      },
    } as unknown as Sequence
    await expect(generate(sequence, controller.signal, () => undefined)).rejects.toThrow('gone')
    expect(steps).toEqual([128, 128, 128])
  })
})
