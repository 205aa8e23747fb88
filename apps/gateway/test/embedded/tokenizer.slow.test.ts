import { describe, expect, it } from 'vitest'
import { expectRefusal, fileModel, library } from './model.js'

// The rules of GPT-4o end the process for a long run of characters of one kind.
describe.skipIf(library === undefined)('a model whose rules need stack for each character', () => {
  const model = fileModel(['--model-parallel', '1'], { divider: 'gpt-4o', contextLength: 4096 })

  it.each([
    ['symbols', '.'],
    ['letters', 'a'],
    ['spaces', ' '],
  ])('refuses a long run of %s', async (_, unit) => {
    const facts = { status: 400, code: 'context_length_exceeded' }
    await expectRefusal(model.ask(unit.repeat(45_000)), facts)
    await expectRefusal(model.ask(unit.repeat(200_000)), facts)
    const messages = Array.from({ length: 11 }, () => ({
      ...{ role: 'assistant' as const, content: unit.repeat(4000) },
    }))
    await expectRefusal(model.client.create({ model: 'tiny', messages }), facts)
    const input = unit.repeat(60_000)
    await expectRefusal(model.client.embeddings.create({ model: 'tiny', input }), facts)
  })

  it('answers one that fits', async () => {
    const { usage } = await model.ask('.'.repeat(4070), { max_tokens: 1 })
    expect(usage?.prompt_tokens).toBe(4070 + '_user\n_\n_assistant\n'.length)
  })
})
