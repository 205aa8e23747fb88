import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import {
  answer,
  choose,
  hasChromium,
  loadPolicy,
  say,
  useBrowserAndGateway,
  visit,
} from './browser.js'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const LONG = 'x'.repeat(300)

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
      expect.arrayContaining(['send', 'api-key', 'model', 'tier', 'tools', 'pin', 'policy']),
    )
    await page.locator('#tools').focus()
    await press('Space')
    expect(await page.getByLabel('Offer demonstration tools').isChecked()).toBe(true)
  })

  it('has landmarks, names and live regions', async () => {
    const { page } = await visit(browser(), gateway().url)
    for (const role of ['banner', 'main', 'complementary', 'contentinfo', 'log'] as const) {
      expect([role, await page.getByRole(role).count()]).toEqual([role, 1])
    }
    expect(await page.getByRole('log').getAttribute('aria-live')).toBe('polite')
    for (const name of ['API key', 'Security tier', 'Policy file', 'Theme', 'Message'] as const) {
      expect([name, await page.getByLabel(name, { exact: true }).count()]).toEqual([name, 1])
    }
  })

  it.each(['light', 'dark'] as const)(
    'axe finds no violation, contrast included: %s',
    async (colorScheme) => {
      const { page } = await visit(browser(), gateway().url, { colorScheme })
      await choose(page, 'nomyo/echo')
      expect(await violations(page)).toEqual([])
      await page.getByLabel('Offer demonstration tools').check()
      await say(page, 'hello\n```\ncode\n```')
      await answer(page)
      await page.locator('#traffic-list summary').first().click()
      await loadPolicy(page, {
        format: 'nomyo-attestation-policy/1',
        requiredPcrs: 'sha256:0',
        trust: [{ pinnedAk: `000b${'00'.repeat(32)}` }],
      })
      await say(page, 'refused')
      await page.getByRole('alert').getByText('ERR_ATTESTATION_FAILED').waitFor()
      expect(await violations(page)).toEqual([])
    },
  )

  it.each([360, 1280])('needs no horizontal scrolling at %d pixels', async (width) => {
    const { page } = await visit(browser(), gateway().url, { width, height: 740 })
    await choose(page, 'nomyo/echo')
    expect(await overflow(page)).toBe(0)
    await say(page, `${LONG}\n\`\`\`\n${LONG}\n\`\`\``)
    await answer(page)
    await page.locator('#traffic-list summary').first().click()
    await loadPolicy(page, LONG)
    expect(await overflow(page)).toBe(0)
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

const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const { activeElement: active } = document
    return active === null || active === document.body ? '' : active.id || active.textContent
  })

/** Returns by how much the page is wider than the window. */
const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)

async function violations(page: Page): Promise<unknown> {
  await page.evaluate(axe)
  const results = await page.evaluate<AxeResults>('axe.run()')
  return results.violations.map(({ id, nodes }) => [
    id,
    nodes.map(({ html }) => html.slice(0, 200)),
  ])
}
