import type { ServerResponse } from 'node:http'
import type { ChatCompletionChunk } from '@nomyo/client'
import { shared, startChatModel } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { AnswerParts } from '../src/chat/answer-parts.js'
import { answer, choose, hasChromium, say, useBrowser, visit } from './browser.js'
import { engineOf, newGateway } from './gateway.js'

const chunk = (delta: object, finish_reason: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`
const END = `${chunk({}, 'stop')}data: [DONE]\n\n`

describe.skipIf(!hasChromium)('an answer that arrives', () => {
  const browser = useBrowser()
  let respond: (response: ServerResponse) => void
  const model = shared(() =>
    startChatModel((response) => {
      response.setHeader('content-type', 'text/event-stream')
      respond(response)
    }),
  )
  const gateway = shared(() => newGateway(engineOf(model())))
  const nextResponse = (): Promise<ServerResponse> => new Promise((resolve) => (respond = resolve))

  it('is shown word by word, and stopped by the button; its text stays', async () => {
    const arriving = nextResponse()
    const { page, violations } = await visit(browser(), gateway().url)
    await choose(page, 'm')
    const place = () => page.locator('#send, #stop').filter({ visible: true }).boundingBox()
    const send = await place()
    await say(page, 'count')
    const response = await arriving
    // In one place, also for the keyboard.
    expect(await place()).toEqual(send)
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('stop')
    const log = page.locator('#transcript')
    const text = page.locator('.message.model .text')
    response.write(chunk({ role: 'assistant' }) + chunk({ content: 'one' }))
    await text.getByText('one', { exact: true }).waitFor()
    expect(await log.getAttribute('aria-busy')).toBe('true')
    expect(await page.locator('#status').textContent()).toContain('Answering')
    const elapsed = (): Promise<string | null> => page.getByRole('timer').textContent()
    const first = await elapsed()
    expect(first).toMatch(/^\d+\.\d s$/)
    await expect.poll(elapsed).not.toBe(first)
    response.write(chunk({ content: ' <b>two</b>\n```js\n' }) + chunk({ content: 'let a' }))
    await page.locator('.message.model code').getByText('let a').waitFor()
    expect(await text.textContent()).toBe('one <b>two</b>')
    expect(response.closed).toBe(false)

    const closed = new Promise((resolve) => response.once('close', resolve))
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByText('The text so far stays').waitFor()
    await closed
    expect(await elapsed()).toBe('')
    expect(await page.locator('.message.model').textContent()).toContain('Stopped.')
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('')
    expect(await log.getAttribute('aria-busy')).toBe('false')

    respond = (next) => next.end(chunk({ content: 'three' }) + END)
    await say(page, 'go on')
    expect(await answer(page, 2)).toBe('three')
    const { messages } = JSON.parse(model().seen.at(-1)?.body ?? '') as { messages: unknown[] }
    expect(messages).toMatchObject([
      { role: 'user', content: 'count' },
      { role: 'assistant', content: 'one <b>two</b>\n```js\nlet a' },
      { role: 'user', content: 'go on' },
    ])
    expect(violations).toEqual([])
  })

  it('that breaks off says so, with the message back in its field', async () => {
    const { page } = await visit(browser(), gateway().url)
    await choose(page, 'm')
    const half = `half${'\n\nof a long answer'.repeat(40)}`
    respond = (response) => {
      response.write(chunk({ content: half }), () => setImmediate(() => response.destroy()))
    }
    await say(page, 'lost')
    await page.getByRole('alert').getByText('ERR_TRUNCATED').waitFor()
    // The error takes space from the conversation, whose end stays in view.
    const hidden = (): Promise<number> =>
      page
        .locator('#transcript')
        .evaluate((log) => Math.round(log.scrollHeight - log.clientHeight - log.scrollTop))
    await expect.poll(hidden).toBe(0)
    await page.locator('#transcript').evaluate((log) => {
      log.scrollTop = 0
    })
    await expect.poll(hidden).toBeGreaterThan(100)
    await page.getByLabel('Message', { exact: true }).fill('lost\n\n\n\n')
    expect(await page.locator('#transcript').evaluate((log) => log.scrollTop)).toBe(0)
    await page.getByLabel('Message', { exact: true }).fill('lost')
    expect(await page.locator('.message.model').textContent()).toContain('half')
    expect(await page.locator('.message.model').textContent()).toContain('broke off')
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('lost')
    respond = (next) => next.end(chunk({ content: 'whole' }) + END)
    await say(page, 'again')
    expect(await answer(page, 2)).toBe('whole')
    const { messages } = JSON.parse(model().seen.at(-1)?.body ?? '') as { messages: unknown[] }
    expect(messages).toMatchObject([{ role: 'user', content: 'again' }])
  })
})

describe('the parts of an answer', () => {
  const assembled = (...chunks: readonly unknown[]) => {
    const parts = new AnswerParts()
    for (const part of chunks) parts.add(part as ChatCompletionChunk)
    return parts
  }
  const delta = (members: unknown): object => ({ choices: [{ delta: members }] })

  it('give a completion', () => {
    const call = (index: number, members: object, more: object = {}): object =>
      delta({ tool_calls: [{ index, ...more, function: members }] })
    const parts = assembled(
      { ...delta({ role: 'assistant' }), model: 'm', _metadata: { tpm_attestation: 1 } },
      delta({ content: 'a' }),
      call(0, { name: 'f', arguments: '{"x"' }, { id: 'c1' }),
      call(1, { name: 'g', arguments: '{}' }, { id: 'c2' }),
      call(0, { arguments: ':1}' }),
      { choices: [], usage: {} },
    )
    expect(parts.soFar).toEqual({ text: 'a', model: 'm' })
    expect(parts.completion()).toMatchObject({
      model: 'm',
      _metadata: { tpm_attestation: 1 },
      choices: [
        {
          message: {
            content: 'a',
            tool_calls: [
              { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"x":1}' } },
              { id: 'c2', function: { name: 'g' } },
            ],
          },
        },
      ],
    })
  })

  it.each<[unknown]>([
    [null],
    ['text'],
    [{ choices: 'x' }],
    [{ choices: [null] }],
    [delta(null)],
    [delta({ content: { a: 1 }, refusal: 1 })],
    [delta({ tool_calls: 'x' })],
    [delta({ tool_calls: [null, 1, { index: 'a' }] })],
  ])('that are malformed count as missing: %j', (part) => {
    const parts = assembled(part, delta({ content: 'a' }))
    expect(parts.soFar.text).toBe('a')
    expect(parts.completion()).toMatchObject({ choices: [{ message: { content: 'a' } }] })
  })

  it('hold no more than 32 calls', () => {
    const calls = Array.from({ length: 100 }, (_, index) => ({
      index,
      id: 'c',
      function: { name: 'f' },
    }))
    const { choices } = assembled(delta({ tool_calls: calls })).completion()
    expect(choices[0].message.tool_calls).toHaveLength(32)
  })
})
