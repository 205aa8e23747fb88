import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { EventLoopTurns } from '../../src/json/event-loop-turns.js'
import { Embeddings } from '../../src/upstreams/embedded/embeddings.js'
import type { LoadedModel } from '../../src/upstreams/embedded/load-model.js'

/** Lets the requests get as far as they can. */
async function settle(): Promise<void> {
  for (let times = 0; times < 5; times++) await turn()
}

/** A model whose embeddings are made when the test says so. */
function slowModel() {
  const made: number[] = []
  const waiting: (() => void)[] = []
  const getEmbeddingFor = async (tokens: readonly number[]): Promise<{ vector: number[] }> => {
    await new Promise<void>((resolve) => waiting.push(resolve))
    made.push(tokens.length)
    return { vector: [0.5, -1] }
  }
  const model = {
    tokenize: (text: string) => Array.from(text, () => 1),
    createEmbeddingContext: () => Promise.resolve({ getEmbeddingFor }),
  }
  const step = async (): Promise<void> => {
    await settle()
    waiting.shift()?.()
    await settle()
  }
  return { loaded: { model } as unknown as LoadedModel, made, step }
}

const turns = new EventLoopTurns()
const options = (owner: string, signal = new AbortController().signal) => ({ owner, signal, turns })

describe('embeddings', () => {
  it('of several callers are made in turn, text by text', async () => {
    const { loaded, made, step } = slowModel()
    const embeddings = new Embeddings(loaded, 8)
    const first = embeddings.answer({ model: 'm', input: ['a', 'bb', 'ccc'] }, options('one'))
    await settle()
    const second = embeddings.answer({ model: 'm', input: 'dddd' }, options('other'))
    for (let at = 0; at < 4; at++) await step()
    expect(made).toEqual([1, 4, 2, 3])
    expect(await second).toMatchObject({
      data: [{ object: 'embedding', index: 0, embedding: [0.5, -1] }],
      usage: { prompt_tokens: 4 },
    })
    expect(await first).toMatchObject({ usage: { prompt_tokens: 6 } })
  })

  it('have a bounded queue, and end with their caller', async () => {
    const { loaded, made, step } = slowModel()
    const embeddings = new Embeddings(loaded, 1)
    const controller = new AbortController()
    const request = { model: 'm', input: ['a', 'b'] }
    const first = embeddings
      .answer(request, options('one', controller.signal))
      .catch((error: unknown) => error)
    await settle()
    const second = embeddings.answer(request, options('one'))
    await settle()
    expect(embeddings.waiting).toBe(1)
    await expect(embeddings.answer(request, options('one'))).rejects.toMatchObject({
      statusCode: 503,
    })
    controller.abort(new Error('gone'))
    await step()
    expect(await first).toMatchObject({ message: 'gone' })
    for (let at = 0; at < 2; at++) await step()
    await second
    expect(made).toEqual([1, 1, 1])
  })
})
