import { describe, expect, it } from 'vitest'
import { answer, choose, focused, hasChromium, useBrowserAndGateway, visit } from './browser.js'

describe.skipIf(!hasChromium)('accessibility', () => {
  const { browser, gateway } = useBrowserAndGateway()

  it('the page is usable with the keyboard alone, and shows the focus', async () => {
    const { page } = await visit(browser(), gateway().url)
    await choose(page, 'nomyo/echo')
    const press = (key: string): Promise<void> => page.keyboard.press(key)
    await page.locator('body').press('Tab')
    expect(await focused(page)).toBe('Skip to the message field')
    await press('Enter')
    expect(await focused(page)).toBe('message')
    await page.keyboard.type('line one')
    await press('Shift+Enter')
    await page.keyboard.type('line two')
    await press('Enter')
    expect(await answer(page)).toBe('line one\nline two')
    expect(await focused(page)).toBe('message')

    const stops: string[] = []
    for (let at = 0; at < 30; at++) {
      await press('Tab')
      const visible = await page.evaluate(() => {
        const style = getComputedStyle(document.activeElement ?? document.body)
        return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
      })
      const name = await focused(page)
      if (name === '') break
      expect([name, visible]).toEqual([name, true])
      stops.push(name)
    }
    expect(stops).toEqual(
      expect.arrayContaining([
        'send',
        'trust',
        'close-report',
        'api-key',
        'model',
        'tier',
        'tools',
        'pin',
        'policy',
      ]),
    )
    await page.locator('#tools').focus()
    await press('Space')
    expect(await page.getByLabel('Offer demonstration tools').isChecked()).toBe(true)
  })

  it('has landmarks, names and live regions', async () => {
    const { page } = await visit(browser(), gateway().url)
    for (const role of ['banner', 'main', 'complementary', 'log'] as const) {
      expect([role, await page.getByRole(role).count()]).toEqual([role, 1])
    }
    expect(await page.getByRole('log').getAttribute('aria-live')).toBe('polite')
    for (const name of ['API key', 'Security tier', 'Policy file', 'Theme', 'Message'] as const) {
      expect([name, await page.getByLabel(name, { exact: true }).count()]).toEqual([name, 1])
    }
  })

  it('follows the system until a theme is chosen', async () => {
    const { page } = await visit(browser(), gateway().url, { colorScheme: 'dark' })
    const ground = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const dark = await ground()
    await page.getByLabel('Theme').selectOption('light')
    const light = await ground()
    expect(light).not.toBe(dark)
    await page.getByLabel('Theme').selectOption('dark')
    expect(await ground()).toBe(dark)
    await page.emulateMedia({ colorScheme: 'light' })
    expect(await ground()).toBe(dark)
    await page.getByLabel('Theme').selectOption('system')
    expect(await ground()).toBe(light)
  })

  it('does not move where reduced motion is set', async () => {
    const { page } = await visit(browser(), gateway().url)
    await page.emulateMedia({ reducedMotion: 'reduce' })
    const moving = await page.evaluate(() =>
      [...document.querySelectorAll('*')]
        .map((element) => getComputedStyle(element))
        .filter(({ transitionDuration, animationName }) => {
          return transitionDuration !== '0s' || animationName !== 'none'
        }),
    )
    expect(moving).toEqual([])
  })
})
