import { createGateway, type Gateway } from '@nomyo/gateway'
import { CHROMIUM_PATH, isInstalled, startGateway, type InProcess } from '@nomyo-internal/testing'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { servePage, serveTamperingRelay, type LoopbackServer } from './page.js'

/** The facts of an error in the page. */
interface Failure {
  readonly code: string
  readonly statusCode?: number
  readonly name: string
  /** The exported classes it is an instance of. */
  readonly classes: readonly string[]
}

// Of the page, not of this process: functions given to `page.evaluate` run there.
declare const nomyo: typeof import('nomyo-js/browser')
declare function failureOf(call: () => unknown): Promise<Failure | undefined>
/** Directives of the content security policy the page ran against. */
declare const violations: readonly string[]
declare const shared: { client: InstanceType<typeof nomyo.SecureChatCompletion> }

describe.skipIf(!isInstalled('chromium'))('a page of another origin, in Chromium', () => {
  let gateway: InProcess<Gateway>
  let relay: LoopbackServer
  let site: LoopbackServer
  let browser: Browser
  let page: Page
  /** Requests, console calls and errors of the page, from first to last test. */
  let seen: Seen

  beforeAll(async () => {
    // Each needs the address of another before that one listens: the relay comes first.
    relay = await serveTamperingRelay(() => gateway.url)
    const connectTo = [relay.origin]
    site = await servePage(connectTo)
    gateway = await startGateway(createGateway, {
      apiKeys: ['the-key-of-the-page', 'another-key-of-the-page'],
      corsOrigins: [site.origin],
    })
    connectTo.push(gateway.url)
    browser = await chromium.launch({
      executablePath: CHROMIUM_PATH,
      // Only names of this machine resolve, for the page and the browser itself.
      args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'],
    })
    page = await browser.newPage()
    seen = await observe(page)
    await open(page, site.origin)
    await page.evaluate((baseUrl) => {
      const client = new nomyo.SecureChatCompletion({
        baseUrl,
        allowHttp: true,
        apiKey: 'the-key-of-the-page',
        maxRetries: 0,
      })
      Object.assign(globalThis, { shared: { client } })
    }, gateway.url)
  }, 60_000)

  afterAll(async () => {
    await browser.close()
    await Promise.all([gateway.stop(), site.close(), relay.close()])
  })

  it('a simple completion', async () => {
    const completion = await page.evaluate(() =>
      shared.client.create({
        model: 'nomyo/echo',
        messages: [{ role: 'user', content: 'Grüße aus Zimmer 7 🩺' }],
        temperature: 0.7,
      }),
    )
    expect(completion.choices[0].message.content).toBe('Grüße aus Zimmer 7 🩺')
    expect(completion._metadata).toMatchObject({ is_encrypted: true, security_tier: 'standard' })
  })

  it('a system message', async () => {
    const completion = await page.evaluate(() =>
      shared.client.create({
        model: 'Qwen/Qwen3-0.6B',
        messages: [
          { role: 'system', content: 'Answer in one sentence.' },
          { role: 'user', content: 'Where is the spleen?' },
        ],
      }),
    )
    expect(completion.choices[0].message.content).toContain('demo engine')
  })

  it('tools', async () => {
    const completion = await page.evaluate(() =>
      shared.client.create({
        model: 'Qwen/Qwen3-0.6B',
        messages: [{ role: 'user', content: 'How warm is it in Oslo?' }],
        tools: [
          {
            type: 'function',
            function: {
              name: 'get_temperature',
              parameters: {
                type: 'object',
                properties: { city: { type: 'string' } },
                required: ['city'],
              },
            },
          },
        ],
        tool_choice: 'auto',
      }),
    )
    const [choice] = completion.choices
    expect(choice.finish_reason).toBe('tool_calls')
    expect(choice.message.tool_calls?.[0]?.function.name).toBe('get_temperature')
  })

  it('a key, a tier and headers for one request', async () => {
    const completion = await page.evaluate(() =>
      shared.client.create(
        {
          model: 'm',
          messages: [{ role: 'user', content: 'x' }],
          api_key: 'another-key-of-the-page',
          security_tier: 'maximum',
        },
        { headers: { 'x-ward': '7', traceparent: '00-1-1-00' } },
      ),
    )
    expect(completion._metadata.security_tier).toBe('maximum')
  })

  it('a wrong key', async () => {
    const failure = await page.evaluate(() =>
      failureOf(() =>
        shared.client.create({
          model: 'm',
          messages: [{ role: 'user', content: 'x' }],
          api_key: 'wrong',
        }),
      ),
    )
    expect(failure).toEqual({
      code: 'ERR_AUTHENTICATION',
      statusCode: 401,
      name: 'AuthenticationError',
      classes: ['APIError', 'AuthenticationError'],
    })
  })

  it('an answer changed in transit', async () => {
    const failure = await page.evaluate((baseUrl) => {
      const client = new nomyo.SecureChatCompletion({
        baseUrl,
        allowHttp: true,
        apiKey: 'the-key-of-the-page',
      })
      const messages = [{ role: 'user' as const, content: 'x' }]
      return failureOf(() => client.create({ model: 'm', messages })).finally(() => {
        client.dispose()
      })
    }, relay.origin)
    expect(failure).toMatchObject({ code: 'ERR_DECRYPTION_FAILED', classes: ['SecurityError'] })
  })

  it('key files, which do not exist there', async () => {
    const failures = await page.evaluate(
      async (baseUrl) => [
        await failureOf(
          () => new nomyo.SecureChatCompletion({ baseUrl, allowHttp: true, keyDir: 'k' }),
        ),
        await failureOf(() =>
          new nomyo.SecureCompletionClient({ routerUrl: baseUrl, allowHttp: true }).loadKeys(
            'k.pem',
          ),
        ),
      ],
      gateway.url,
    )
    for (const failure of failures) {
      expect(failure).toMatchObject({
        code: 'ERR_INVALID_OPTION',
        classes: ['APIError', 'InvalidRequestError'],
      })
    }
  })

  it('a client disposed of, before a request and during one', async () => {
    const failures = await page.evaluate(async (baseUrl) => {
      const client = new nomyo.SecureChatCompletion({ baseUrl, allowHttp: true })
      const messages = [{ role: 'user' as const, content: 'x' }]
      const during = failureOf(() => client.create({ model: 'm', messages }))
      client.dispose()
      client.dispose()
      return [await during, await failureOf(() => client.create({ model: 'm', messages }))]
    }, gateway.url)
    expect(failures).toMatchObject([
      { code: 'ERR_ABORTED', classes: ['APIConnectionError'] },
      { code: 'ERR_KEY_DISPOSED', classes: ['SecurityError'] },
    ])
  })

  it('a page of an origin that is not allowed', async () => {
    const stranger = await browser.newPage()
    // The same server under another name: another origin.
    await open(stranger, site.origin.replace('127.0.0.1', 'localhost'))
    const failure = await stranger.evaluate((baseUrl) => {
      const client = new nomyo.SecureChatCompletion({ baseUrl, allowHttp: true, maxRetries: 0 })
      const messages = [{ role: 'user' as const, content: 'x' }]
      return failureOf(() => client.create({ model: 'm', messages }))
    }, gateway.url)
    expect(failure).toMatchObject({ code: 'ERR_NETWORK', classes: ['APIConnectionError'] })
    await stranger.close()
  })

  it('all of that left no trace, contacted no other server, and broke no policy', async () => {
    const traces = await page.evaluate(async () => ({
      local: localStorage.length,
      session: sessionStorage.length,
      databases: (await indexedDB.databases()).length,
      caches: (await caches.keys()).length,
      cookies: document.cookie,
    }))
    expect(traces).toEqual({ local: 0, session: 0, databases: 0, caches: 0, cookies: '' })
    const origins = new Set(seen.requests.map((url) => new URL(url).origin))
    expect([...origins].sort()).toEqual([gateway.url, relay.origin, site.origin].sort())
    expect(seen.requests).toContain(`${gateway.url}/.well-known/ohttp-gateway`)
    // Those of allowHttp, and nothing else.
    expect(new Set(seen.consoleCalls)).toEqual(new Set(['warning']))
    expect(seen.errors).toEqual([])
    expect(await page.evaluate(() => violations)).toEqual([])
  })

  it('the policy was in force', async () => {
    const failure = await page.evaluate(() => failureOf(() => fetch('/page.js')))
    expect(failure).toBeDefined()
    await page.waitForFunction(() => violations.length > 0)
    expect(await page.evaluate(() => violations)).toEqual(['connect-src'])
  })
})

interface Seen {
  /** Every request, preflights included. */
  readonly requests: string[]
  /** Calls of `console`; what the browser itself reports about failed requests is not among them. */
  readonly consoleCalls: string[]
  readonly errors: string[]
}

async function observe(page: Page): Promise<Seen> {
  const seen: Seen = { requests: [], consoleCalls: [], errors: [] }
  const session = await page.context().newCDPSession(page)
  session.on('Network.requestWillBeSent', ({ request }) => seen.requests.push(request.url))
  session.on('Runtime.consoleAPICalled', ({ type }) => seen.consoleCalls.push(type))
  page.on('pageerror', (error) => seen.errors.push(error.message))
  await session.send('Network.enable')
  await session.send('Runtime.enable')
  return seen
}

async function open(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.waitForFunction(() => 'failureOf' in globalThis)
}
