import { shared, startServer } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  answer,
  choose,
  hasChromium,
  isEncrypted,
  openPage,
  say,
  useBrowserAndGateway,
  visit,
} from './browser.js'
import { testGateway } from './gateway.js'

describe.skipIf(!hasChromium)('isolation of the page', () => {
  const { browser, gateway } = useBrowserAndGateway()

  it('sends requests to its gateway only, violates no policy and stores nothing', async () => {
    const { page, requests, violations } = await visit(browser(), gateway().url)
    await choose(page, 'nomyo/echo')
    await page.getByLabel('API key').fill('some-key')
    await say(page, 'hello')
    await answer(page)
    const origins = new Set(requests.map((request) => new URL(request.url()).origin))
    expect([...origins]).toEqual([gateway().url])
    expect(violations).toEqual([])
    // Other tests search these for plaintext: they are recorded.
    const encrypted = requests.find((request) => isEncrypted(request.url()))
    expect(encrypted?.headers()['content-type']).toBe('message/ohttp-chunked-req')
    const body = encrypted?.postDataBuffer() ?? Buffer.alloc(0)
    // Id of the key, then MLKEM768-X25519, HKDF-SHA256, AES-256-GCM.
    expect(body.subarray(1, 7).toString('hex')).toBe('647a00010002')
    expect(body.toString('latin1')).not.toMatch(/hello|some-key/)
    const stored = await page.evaluate(async () => ({
      cookie: document.cookie,
      storage: localStorage.length + sessionStorage.length,
      databases: (await indexedDB.databases()).length,
      workers: (await navigator.serviceWorker.getRegistrations()).length,
      caches: (await caches.keys()).length,
    }))
    expect(stored).toEqual({ cookie: '', storage: 0, databases: 0, workers: 0, caches: 0 })
    expect(await page.context().cookies()).toEqual([])
  })

  it('lets no page of another origin use the gateway, or use up the limit of its user', async () => {
    const { url } = await testGateway({ rateLimit: { perSecond: 1, burst: 1 } })
    const stranger = await startServer((_request, response) => {
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>x</title>')
    })
    const context = await browser().newContext()
    onTestFinished(async () => {
      await context.close()
      stranger.stop()
    })
    const page = await context.newPage()
    await page.goto(stranger.url)
    const kinds = await page.evaluate(async (gatewayUrl) => {
      const seen = new Set<string>()
      for (let at = 0; at < 100; at++) {
        const path = at % 2 === 0 ? '/v1/models' : '/v1/chat/secure_completion'
        const method = at % 2 === 0 ? 'GET' : 'POST'
        const answer = await fetch(gatewayUrl + path, { mode: 'no-cors', method })
        seen.add(answer.type)
      }
      const image = new Image()
      image.src = `${gatewayUrl}/v1/models`
      await image.decode().catch(() => undefined)
      const readable = await fetch(`${gatewayUrl}/v1/models`).then(
        () => 'readable',
        () => 'refused',
      )
      return [...seen, readable]
    }, url)
    expect(kinds).toEqual(['opaque', 'refused'])
    expect((await fetch(`${url}/v1/models`)).status).toBe(200)
    // A link to the page still works.
    await page.evaluate((gatewayUrl) => {
      location.href = gatewayUrl
    }, url)
    await page.waitForURL(`${url}/`)
    await page.getByLabel('API key').waitFor({ state: 'attached' })
  })

  describe('an answer', () => {
    const chat = shared(async () => {
      const opened = await openPage(browser(), gateway().url)
      await choose(opened.page, 'nomyo/echo')
      return { ...opened, stop: () => opened.page.context().close() }
    })

    it.each([
      '<img src=x onerror="document.title=\'broken\'">',
      '</script><script>document.title="broken"</script>',
      '[click](javascript:document.title="broken") <a href="javascript:alert(1)">x</a>',
      '<svg onload=document.title="broken"><style>*{display:none}</style>',
      '```html\n<img src=x onerror="document.title=\'broken\'">\n```',
      '``````\n```<b>x</b>\n<iframe srcdoc="<script>parent.document.title=1</script>">',
    ])('is shown as text: %j', async (text) => {
      const { page, violations } = chat()
      await page.getByRole('button', { name: 'New conversation' }).click()
      await say(page, text)
      await answer(page)
      const shown = page.locator('.message.model')
      const elements = await shown.evaluate((message) =>
        [...message.querySelectorAll('*')].map(({ localName }) => localName),
      )
      const known = ['h3', 'div', 'p', 'pre', 'code', 'figure', 'figcaption', 'span', 'button']
      expect(elements.filter((name) => !known.includes(name))).toEqual([])
      for (const part of text
        .split('\n')
        .filter((line) => line.includes('<') && !line.startsWith('`'))) {
        expect(await shown.textContent()).toContain(part)
      }
      expect(await page.title()).toBe('NOMYO chat')
      expect(violations).toEqual([])
    })
  })

  it('blocks injected markup, scripts and requests', async () => {
    const { page, violations } = await visit(browser(), gateway().url)
    const outcome = await page.evaluate(async () => {
      const violated: string[] = []
      document.addEventListener('securitypolicyviolation', (event) =>
        violated.push(event.effectiveDirective),
      )
      const attempt = (act: () => unknown): string => {
        try {
          act()
          return 'done'
        } catch (error) {
          return (error as Error).name
        }
      }
      const markup = attempt(() => (document.body.innerHTML += '<i id="in"></i>'))
      const inline = document.createElement('script')
      const text = attempt(() => (inline.textContent = 'document.title = "broken"'))
      document.body.append(inline)
      const image = new Image()
      image.src = 'https://third-party.example/x.png'
      const elsewhere = await fetch('https://third-party.example/').then(
        () => 'done',
        (error: unknown) => (error as Error).name,
      )
      // Violations are reported later.
      while (new Set(violated).size < 3) await new Promise((resolve) => setTimeout(resolve, 10))
      return { markup, text, elsewhere, title: document.title, violated: [...new Set(violated)] }
    })
    expect(outcome).toMatchObject({
      markup: 'TypeError',
      elsewhere: 'TypeError',
      title: 'NOMYO chat',
    })
    expect(outcome.violated).toEqual(
      expect.arrayContaining(['require-trusted-types-for', 'connect-src', 'img-src']),
    )
    // The other tests would notice.
    expect(violations).not.toEqual([])
  })

  it('cannot be framed', async () => {
    const context = await browser().newContext()
    onTestFinished(() => context.close())
    const page = await context.newPage()
    await page.route('https://frame.test/', (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<!doctype html><iframe src="${gateway().url}/"></iframe>`,
      }),
    )
    const blocked = page.waitForEvent('requestfailed')
    await page.goto('https://frame.test/')
    expect((await blocked).url()).toBe(`${gateway().url}/`)
    const texts = await Promise.all(page.frames().map((frame) => frame.content().catch(() => '')))
    expect(texts.join()).not.toContain('NOMYO chat')
  })
})
