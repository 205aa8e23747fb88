import { describe, expect, it, onTestFinished } from 'vitest'
import {
  answer,
  choose,
  chromiumFound,
  isSealed,
  say,
  useBrowserAndGateway,
  visit,
} from './browser.js'

describe.skipIf(!chromiumFound)('the page in its browser', () => {
  const shared = useBrowserAndGateway()

  it('asks nobody but its gateway, breaks no rule and keeps nothing', async () => {
    const { page, requests, complaints } = await visit(shared.browser, shared.gateway.url)
    await choose(page, 'nomyo/echo')
    await page.getByLabel('API key').fill('some-key')
    await say(page, 'hello')
    await answer(page)
    const origins = new Set(requests.map((request) => new URL(request.url()).origin))
    expect([...origins]).toEqual([shared.gateway.url])
    expect(complaints).toEqual([])
    // Else what was searched for plaintext elsewhere would have been nothing.
    const sealed = requests.find((request) => isSealed(request.url()))
    expect(JSON.parse(sealed?.postData() ?? '')).toMatchObject({ version: '1.0' })
    const kept = await page.evaluate(async () => ({
      cookie: document.cookie,
      stored: localStorage.length + sessionStorage.length,
      databases: (await indexedDB.databases()).length,
      workers: (await navigator.serviceWorker.getRegistrations()).length,
      caches: (await caches.keys()).length,
    }))
    expect(kept).toEqual({ cookie: '', stored: 0, databases: 0, workers: 0, caches: 0 })
    expect(await page.context().cookies()).toEqual([])
  })

  it.each([
    '<img src=x onerror="document.title=\'broken\'">',
    '</script><script>document.title="broken"</script>',
    '[click](javascript:document.title="broken") <a href="javascript:alert(1)">x</a>',
    '<svg onload=document.title="broken"><style>*{display:none}</style>',
    '```html\n<img src=x onerror="document.title=\'broken\'">\n```',
    '``````\n```<b>x</b>\n<iframe srcdoc="<script>parent.document.title=1</script>">',
  ])('shows an answer as the text it is: %j', async (text) => {
    const { page, complaints } = await visit(shared.browser, shared.gateway.url)
    await choose(page, 'nomyo/echo')
    await say(page, text)
    const shown = page.locator('.message.model')
    await shown.waitFor()
    const elements = await shown.evaluate((message) =>
      [...message.querySelectorAll('*')].map(({ localName }) => localName),
    )
    expect(elements.filter((name) => !['h3', 'p', 'pre', 'code'].includes(name))).toEqual([])
    for (const part of text
      .split('\n')
      .filter((line) => line.includes('<') && !line.startsWith('`'))) {
      expect(await shown.textContent()).toContain(part)
    }
    expect(await page.title()).toBe('NOMYO chat')
    expect(complaints).toEqual([])
  })

  it('could not run what gets into it all the same', async () => {
    const { page, complaints } = await visit(shared.browser, shared.gateway.url)
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
      image.src = 'https://stranger.example/x.png'
      const elsewhere = await fetch('https://stranger.example/').then(
        () => 'done',
        (error: unknown) => (error as Error).name,
      )
      // Violations are told a little later.
      await new Promise((resolve) => setTimeout(resolve, 500))
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
    // And the other tests would have noticed.
    expect(complaints).not.toEqual([])
  })

  it('cannot be put into a frame', async () => {
    const context = await shared.browser.newContext()
    onTestFinished(() => context.close())
    const page = await context.newPage()
    await page.route('https://frame.test/', (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<!doctype html><iframe src="${shared.gateway.url}/"></iframe>`,
      }),
    )
    await page.goto('https://frame.test/')
    await page.waitForTimeout(500)
    const texts = await Promise.all(page.frames().map((frame) => frame.content().catch(() => '')))
    expect(texts.join()).not.toContain('NOMYO chat')
  })
})
