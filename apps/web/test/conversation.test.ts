import { completionOf, startGatewayProcess, stopAfterTest } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import {
  answer,
  ask,
  choose,
  hasChromium,
  isEncrypted,
  say,
  useBrowserAndGateway,
  visit,
} from './browser.js'
import { testGateway, testModel } from './gateway.js'

const API_KEY = 'canary-api-key-5d1f'

describe.skipIf(!hasChromium)('a conversation', () => {
  const { browser, gateway } = useBrowserAndGateway()

  it('is answered, also with a generated key, and restarts', async () => {
    const { page, violations } = await visit(browser(), gateway().url, { generateKey: true })
    expect(await ask(page, 'first  line\n  second line')).toBe('first  line\nsecond line')
    await choose(page, 'nomyo/demo')
    await say(page, 'and more')
    expect(await answer(page, 2)).toContain('8 characters')
    await page.getByRole('button', { name: 'New conversation' }).click()
    expect(await page.locator('.message').count()).toBe(0)
    await page.getByText('Your messages are encrypted').waitFor()
    expect(violations).toEqual([])
  })

  it('is sent whole, in the chosen tier, and never in plaintext', async () => {
    const canary = 'canary-prompt-93c2'
    const logging = stopAfterTest(
      await startGatewayProcess({ args: ['--engine', 'demo', '--web'] }),
    )
    const { page, requests } = await visit(browser(), logging.url)
    await choose(page, 'nomyo/echo')
    await page.getByLabel('Security tier').selectOption('high')
    for (const count of [1, 2]) {
      await say(page, canary)
      expect(await answer(page, count)).toBe(canary)
    }
    const encrypted = requests.filter((request) => isEncrypted(request.url()))
    expect(encrypted).toHaveLength(2)
    // The tier is encrypted with the request; the gateway logs it.
    expect(logging.output().split('"tier":"high"')).toHaveLength(3)
    for (const request of requests) {
      const sent = [request.url(), JSON.stringify(await request.allHeaders()), request.postData()]
      expect(sent.join()).not.toContain(canary)
      expect(sent.join()).not.toContain(Buffer.from(canary).toString('base64').slice(0, -4))
    }
    expect(logging.output()).not.toContain(canary)
    const shown = await page.locator('#traffic-list').textContent()
    expect(shown).not.toContain(canary)
    expect(shown).toContain('/.well-known/ohttp-gateway')
  })

  it('contains the messages before', async () => {
    const { url } = await testModel((response, { body }) => {
      const { messages } = JSON.parse(body) as { messages: { content: string }[] }
      response.end(completionOf({ content: messages.map(({ content }) => content).join('|') }))
    })
    const { page } = await visit(browser(), url)
    expect(await ask(page, 'a', 'm')).toBe('a')
    await say(page, 'b')
    expect(await answer(page, 2)).toBe('a|a|b')
    await page.getByRole('button', { name: 'New conversation' }).click()
    await say(page, 'c')
    expect(await answer(page)).toBe('c')
  })

  it('is copied, edited and repeated from its messages', async () => {
    const { model, url } = await testModel((response, { body }) => {
      const { messages } = JSON.parse(body) as { messages: { role: string; content: string }[] }
      const asked = messages.filter(({ role }) => role === 'user')
      const text = asked.map(({ content }) => content).join('|')
      response.end(completionOf({ content: `${text}\n\`\`\`\ncode\n\`\`\`` }))
    })
    const { page } = await visit(browser(), url)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    const copied = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText())
    const message = page.getByLabel('Message', { exact: true })
    const button = (name: string) => page.getByRole('button', { name, exact: true })
    // Without the fetches of its list of models.
    const bodies = (): string[] => model.seen.flatMap(({ body }) => (body === '' ? [] : [body]))
    const sent = (): unknown =>
      (JSON.parse(bodies().at(-1) ?? '') as { messages: unknown }).messages
    expect(await ask(page, 'a', 'm')).toBe('a')
    await button('Copy').last().click()
    await button('Copied').waitFor()
    expect(await copied()).toBe('a\n```\ncode\n```')
    await button('Copy code').click()
    await expect.poll(copied).toBe('code')

    await say(page, 'b')
    expect(await answer(page, 2)).toBe('a|b')
    // Only the last exchange can be repeated: from its question, or from its answer.
    expect(await button('Retry').count()).toBe(1)
    const before = sent()
    await button('Retry').click()
    await expect.poll(() => bodies().length).toBe(3)
    expect(await answer(page, 2)).toBe('a|b')
    expect(sent()).toEqual(before)

    await message.fill('a draft')
    await button('Edit').first().click()
    expect(await message.inputValue()).toBe('a')
    await page.keyboard.press('Escape')
    expect(await message.inputValue()).toBe('a draft')
    await button('Edit').first().click()
    await message.fill('another')
    await message.press('Enter')
    await expect.poll(() => bodies().length).toBe(4)
    expect(await answer(page)).toBe('another')
    expect(sent()).toMatchObject([{ role: 'user', content: 'another' }])
    expect(await page.locator('.message').count()).toBe(2)
    expect(await message.inputValue()).toBe('a draft')
  })

  it('is stopped by button and by Escape, and continues', async () => {
    let hold = true
    const { model, url } = await testModel((response) => {
      if (!hold) response.end(completionOf({ content: 'done' }))
    })
    const { page } = await visit(browser(), url)
    await choose(page, 'm')
    const message = page.getByLabel('Message', { exact: true })
    for (const stop of [
      () => page.getByRole('button', { name: 'Stop' }).click(),
      () => page.keyboard.press('Escape'),
    ]) {
      const before = model.seen.length
      await message.fill('take your time')
      await message.press('Enter')
      await expect.poll(() => model.seen.length).toBeGreaterThan(before)
      await stop()
      await page.getByRole('button', { name: 'Send' }).waitFor()
      expect(await message.inputValue()).toBe('take your time')
      expect(await page.locator('.message').last().textContent()).toContain('Stopped.')
      expect(await page.locator('#error').textContent()).toBe('')
    }
    hold = false
    await page.getByRole('button', { name: 'Retry' }).click()
    expect(await answer(page)).toBe('done')
    // The message that was back in its field has been sent.
    expect(await message.inputValue()).toBe('')
    expect(await page.locator('.message.you').count()).toBe(2)
  })

  it('with a wrong API key is refused with advice, and the key is masked', async () => {
    const { url } = await testGateway({ apiKeys: [API_KEY] })
    const { page } = await visit(browser(), url)
    const key = page.getByLabel('API key')
    expect(await key.getAttribute('type')).toBe('password')
    const model = page.getByRole('textbox', { name: 'Model' })
    await model.fill('nomyo/echo')
    await key.fill('wrong-canary')
    await say(page, 'hello')
    await page.getByRole('alert').getByText('ERR_AUTHENTICATION').waitFor()
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('hello')

    await key.fill(API_KEY)
    await key.blur()
    expect(await ask(page, 'hello')).toBe('hello')
    expect(await page.locator('#error').textContent()).toBe('')
    const shown = (await page.locator('#traffic-list').textContent()) ?? ''
    expect(shown).toContain('authorization')
    for (const secret of [API_KEY, 'wrong-canary']) expect(shown).not.toContain(secret)
  })

  it('that is too long for the model is refused in the words of its server', async () => {
    const message = 'maximum context length is 8 tokens <img src=x onerror="document.title=1">'
    const error = { message, code: 'context_length_exceeded' }
    const { url } = await testModel((response) => {
      response.writeHead(400).end(JSON.stringify({ error }))
    })
    const { page, violations } = await visit(browser(), url)
    const title = await page.title()
    await choose(page, 'm')
    await say(page, 'hello')
    const alert = page.getByRole('alert')
    await alert.getByText('Start a new conversation').waitFor()
    expect(await alert.textContent()).toContain(message)
    expect(await alert.textContent()).toContain('context_length_exceeded')
    expect(await page.locator('#error img').count()).toBe(0)
    expect([await page.title(), violations]).toEqual([title, []])
  })

  it('is advised to wait where the gateway accepts no more', async () => {
    const { url } = await testModel((response) => {
      response.writeHead(429, { 'retry-after': '90' }).end('{}')
    })
    const { page } = await visit(browser(), url)
    await choose(page, 'm')
    await say(page, 'hello')
    await page.getByRole('alert').getByText('Wait 90 seconds').waitFor()
  })

  it('stays within the rate limit, tools included', async () => {
    const { url } = await testGateway({ rateLimit: { perSecond: 2, burst: 4 } })
    const { page } = await visit(browser(), url)
    await choose(page, 'nomyo/demo')
    await page.getByLabel('Offer demonstration tools').check()
    for (const count of [1, 2, 3]) {
      await say(page, 'quick')
      await answer(page, count)
    }
  })

  it('reports that the gateway is down', async () => {
    const down = await testGateway()
    const { page } = await visit(browser(), down.url)
    await ask(page, 'm')
    await down.close()
    await say(page, 'two')
    await page.getByRole('alert').getByText('ERR_NETWORK').waitFor({ timeout: 40_000 })
  })
})
