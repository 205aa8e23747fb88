import { createServer, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  answer,
  choose,
  chromiumFound,
  isSealed,
  openPage,
  say,
  useBrowserAndGateway,
  visit,
} from './browser.js'
import { startGateway, type GatewayProcess } from './gateway-process.js'

const API_KEY = 'canary-api-key-5d1f'

describe.skipIf(!chromiumFound)('a conversation', () => {
  const shared = useBrowserAndGateway()

  it('is answered, has a memory, and begins anew', async () => {
    const { page, complaints } = await visit(shared.browser, shared.gateway.url)
    await choose(page, 'nomyo/echo')
    await say(page, 'first  line\n  second line')
    expect(await answer(page)).toBe('first  line\n  second line')
    await choose(page, 'nomyo/demo')
    await say(page, 'and more')
    expect(await answer(page, 2)).toContain('8 characters')
    await page.getByRole('button', { name: 'New conversation' }).click()
    expect(await page.locator('.message').count()).toBe(0)
    await page.getByText('What you write is sealed').waitFor()
    expect(complaints).toEqual([])
  })

  it('is sent whole, in the chosen tier, and never in plaintext', async () => {
    const canary = 'canary-prompt-93c2'
    const { page, requests } = await visit(shared.browser, shared.gateway.url)
    await choose(page, 'nomyo/echo')
    await page.getByLabel('Security tier').selectOption('high')
    for (const count of [1, 2]) {
      await say(page, canary)
      expect(await answer(page, count)).toBe(canary)
    }
    const sealed = requests.filter((request) => isSealed(request.url()))
    expect(sealed.map((request) => request.headers()['x-security-tier'])).toEqual(['high', 'high'])
    for (const request of requests) {
      const sent = [request.url(), JSON.stringify(await request.allHeaders()), request.postData()]
      expect(sent.join()).not.toContain(canary)
      expect(sent.join()).not.toContain(Buffer.from(canary).toString('base64').slice(0, -4))
    }
    expect(shared.gateway.output()).not.toContain(canary)
    const shown = await page.locator('#traffic-list').textContent()
    expect(shown).not.toContain(canary)
    expect(shown).toContain('encrypted_aes_key')
  })

  it('remembers what was said before', async () => {
    const upstream = await startModel((response, body) => {
      const { messages } = JSON.parse(body) as { messages: { content: string }[] }
      response.end(completion(messages.map(({ content }) => content).join('|')))
    })
    const { page } = await visit(shared.browser, await gatewayOf(upstream))
    await choose(page, 'one')
    await say(page, 'a')
    expect(await answer(page)).toBe('a')
    await say(page, 'b')
    expect(await answer(page, 2)).toBe('a|a|b')
    await page.getByRole('button', { name: 'New conversation' }).click()
    await say(page, 'c')
    expect(await answer(page)).toBe('c')
  })

  it('has tools that run in the page, and shows call and result', async () => {
    const { page, sealed } = await visit(shared.browser, shared.gateway.url)
    await choose(page, 'nomyo/demo')
    await page.getByLabel('Offer demonstration tools').check()
    await say(page, 'What time is it?')
    await answer(page)
    const tool = page.locator('.message.tool')
    expect(await tool.textContent()).toContain('current_time')
    expect(await tool.locator('code').last().textContent()).toContain(
      String(new Date().getUTCFullYear()),
    )
    expect(sealed()).toBe(2)
  })

  describe('tells the model what comes of a tool', () => {
    let upstream: Model
    let gateway: GatewayProcess
    let page: Page
    let call = { name: '', arguments: '' }

    beforeAll(async () => {
      upstream = await listen((response, body) => {
        const last = (JSON.parse(body) as { messages: Record<string, unknown>[] }).messages.at(-1)
        response.end(
          last?.['role'] === 'tool'
            ? completion(`given: ${String(last['content'])}`)
            : completion(null, [{ id: 'c1', type: 'function', function: call }]),
        )
      })
      gateway = await startGateway(['--upstream', upstream.url])
      page = (await openPage(shared.browser, gateway.url)).page
      await choose(page, 'one')
      await page.getByLabel('Offer demonstration tools').check()
    })
    afterAll(async () => {
      await page.context().close()
      await gateway.stop()
      upstream.close()
    })

    it.each([
      ['calculator', '{"operation":"divide","a":1,"b":4}', '0.25'],
      ['calculator', '{"operation":"divide","a":1,"b":0}', 'There is no such number.'],
      ['calculator', '{"operation":"constructor","a":1,"b":1}', 'There is no such operation.'],
      ['calculator', '{"operation":"add","a":"1","b":1}', 'a and b must be numbers.'],
      ['current_time', '{"time_zone":"Nowhere/Land"}', 'There is no such time zone.'],
      ['alert', '{}', 'There is no such tool.'],
      ['calculator', 'alert(1)', 'The arguments are no JSON object.'],
    ])('%s %s', async (name, parameters, result) => {
      call = { name, arguments: parameters }
      await page.getByRole('button', { name: 'New conversation' }).click()
      await say(page, 'go')
      expect(await answer(page)).toBe(`given: ${result}`)
    })
  })

  it('ends where a model asks for tools without end', async () => {
    const upstream = await startModel((response) => {
      const called = { name: 'current_time', arguments: '{}' }
      response.end(completion(null, [{ id: 'c1', type: 'function', function: called }]))
    })
    const { page, sealed } = await visit(shared.browser, await gatewayOf(upstream))
    await choose(page, 'one')
    await page.getByLabel('Offer demonstration tools').check()
    await say(page, 'go')
    await page.getByText('No text came.').waitFor()
    expect(sealed()).toBe(5)
  })

  it('can be stopped, by button and by Escape, and goes on', async () => {
    let hold = true
    const upstream = await startModel((response) => {
      if (!hold) response.end(completion('done'))
    })
    const { page } = await visit(shared.browser, await gatewayOf(upstream))
    await choose(page, 'one')
    const message = page.getByLabel('Message', { exact: true })
    for (const stop of [
      () => page.getByRole('button', { name: 'Stop' }).click(),
      () => page.keyboard.press('Escape'),
    ]) {
      await message.fill('take your time')
      await message.press('Enter')
      await expect.poll(() => upstream.seen(), { timeout: 20_000 }).toBeGreaterThan(0)
      await stop()
      await page.getByRole('button', { name: 'Send' }).waitFor()
      expect(await message.inputValue()).toBe('take your time')
      expect(await page.locator('.message').last().textContent()).toContain('Stopped.')
      expect(await page.locator('#fault').textContent()).toBe('')
    }
    hold = false
    await say(page, 'again')
    expect(await answer(page)).toBe('done')
  })

  it('says what to do about a wrong API key, and masks it', async () => {
    const locked = await startGateway(['--engine', 'demo', '--api-key', API_KEY])
    onTestFinished(() => locked.stop())
    const { page } = await visit(shared.browser, locked.url)
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
    await choose(page, 'nomyo/echo')
    await say(page, 'hello')
    expect(await answer(page)).toBe('hello')
    expect(await page.locator('#fault').textContent()).toBe('')
    const shown = (await page.locator('#traffic-list').textContent()) ?? ''
    expect(shown).toContain('authorization')
    for (const secret of [API_KEY, 'wrong-canary']) expect(shown).not.toContain(secret)
  })

  it('says to wait where the gateway takes no more', async () => {
    const upstream = await startModel((response) => {
      response.writeHead(429, { 'retry-after': '90' }).end('{}')
    })
    const { page } = await visit(shared.browser, await gatewayOf(upstream))
    await choose(page, 'one')
    await say(page, 'hello')
    await page.getByRole('alert').getByText('Wait 90 seconds').waitFor()
  })

  it('gets through the rate limit, tools included', async () => {
    const limited = await startGateway(['--engine', 'demo'], { rateLimit: '2/s' })
    onTestFinished(() => limited.stop())
    const { page } = await visit(shared.browser, limited.url)
    await choose(page, 'nomyo/demo')
    await page.getByLabel('Offer demonstration tools').check()
    for (const count of [1, 2, 3]) {
      await say(page, 'quick')
      await answer(page, count)
    }
  })

  it('says so where the gateway is gone', async () => {
    const gone = await startGateway()
    const { page } = await visit(shared.browser, gone.url)
    await choose(page, 'nomyo/echo')
    await say(page, 'one')
    await answer(page)
    await gone.stop()
    await say(page, 'two')
    await page.getByRole('alert').getByText('ERR_NETWORK').waitFor({ timeout: 40_000 })
  })

  async function gatewayOf(upstream: Model): Promise<string> {
    const started = await startGateway(['--upstream', upstream.url])
    onTestFinished(() => started.stop())
    return started.url
  }
})

interface Model {
  readonly url: string
  /** Completions asked for. */
  seen(): number
  close(): void
}

type Complete = (response: ServerResponse, body: string) => void

/** A model server with one model, whose answers are up to the test. */
async function startModel(complete: Complete): Promise<Model> {
  const model = await listen(complete)
  onTestFinished(model.close)
  return model
}

async function listen(complete: Complete): Promise<Model> {
  let seen = 0
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      response.setHeader('content-type', 'application/json')
      if (request.url === '/v1/models') {
        response.end(JSON.stringify({ object: 'list', data: [{ id: 'one', object: 'model' }] }))
        return
      }
      seen++
      complete(response, body)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    seen: () => seen,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function completion(content: string | null, calls?: readonly unknown[]): string {
  const message = { role: 'assistant', content, ...(calls && { tool_calls: calls }) }
  const choices = [{ index: 0, message, finish_reason: calls ? 'tool_calls' : 'stop' }]
  const facts = { id: 'x', object: 'chat.completion', created: 1, model: 'one' }
  return JSON.stringify({ ...facts, choices })
}
