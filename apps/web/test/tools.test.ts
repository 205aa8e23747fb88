import { completionOf, shared, startChatModel, streamWhole } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import {
  answer,
  choose,
  hasChromium,
  openPage,
  say,
  useBrowserAndGateway,
  visit,
} from './browser.js'
import { engineOf, newGateway, testModel } from './gateway.js'

describe.skipIf(!hasChromium)('tools', () => {
  const { browser, gateway } = useBrowserAndGateway()

  it('run in the page, which shows call and result', async () => {
    const { page, encrypted } = await visit(browser(), gateway().url)
    await choose(page, 'nomyo/demo')
    await page.getByLabel('Offer demonstration tools').check()
    await say(page, 'What time is it?')
    await answer(page)
    const tool = page.locator('.message.tool')
    expect(await tool.textContent()).toContain('current_time')
    expect(await tool.locator('code').last().textContent()).toContain(
      String(new Date().getUTCFullYear()),
    )
    expect(encrypted()).toBe(2)
  })

  describe('have a result for the model', () => {
    let call = { name: '', arguments: '' }
    const caller = shared(async () => {
      const model = await startChatModel((response, { body }) => {
        streamWhole(response)
        const last = (JSON.parse(body) as { messages: Record<string, unknown>[] }).messages.at(-1)
        response.end(
          last?.['role'] === 'tool'
            ? completionOf({ content: `given: ${String(last['content'])}` })
            : completionOf({ tool_calls: [{ id: 'c1', type: 'function', function: call }] }),
        )
      })
      const { url, stop } = await newGateway(engineOf(model))
      const { page } = await openPage(browser(), url)
      await choose(page, 'm')
      await page.getByLabel('Offer demonstration tools').check()
      return {
        page,
        stop: async () => {
          await page.context().close()
          await stop()
          model.stop()
        },
      }
    })

    it.each([
      ['calculator', '{"operation":"divide","a":1,"b":4}', '0.25'],
      ['calculator', '{"operation":"divide","a":1,"b":0}', 'The result is not a finite number.'],
      ['calculator', '{"operation":"constructor","a":1,"b":1}', 'Unknown operation.'],
      ['calculator', '{"operation":"add","a":"1","b":1}', 'a and b must be numbers.'],
      ['current_time', '{"time_zone":"Nowhere/Land"}', 'Unknown time zone.'],
      ['alert', '{}', 'Unknown tool.'],
      ['calculator', 'alert(1)', 'The arguments must be a JSON object.'],
    ])('%s %s', async (name, parameters, result) => {
      const { page } = caller()
      call = { name, arguments: parameters }
      await page.getByRole('button', { name: 'New conversation' }).click()
      await say(page, 'go')
      expect(await answer(page)).toBe(`given: ${result}`)
    })
  })

  it('are no longer called after four rounds', async () => {
    const { url } = await testModel((response) => {
      const called = { name: 'current_time', arguments: '{}' }
      response.end(completionOf({ tool_calls: [{ id: 'c1', type: 'function', function: called }] }))
    })
    const { page, encrypted } = await visit(browser(), url)
    await choose(page, 'm')
    await page.getByLabel('Offer demonstration tools').check()
    await say(page, 'go')
    await page.getByText('The answer has no text.').waitFor()
    expect(encrypted()).toBe(5)
  })
})
