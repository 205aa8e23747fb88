import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import {
  answer,
  choose,
  focused,
  hasChromium,
  loadPolicy,
  say,
  useBrowserAndGateway,
  visit,
} from './browser.js'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const LONG = 'x'.repeat(300)
const MARKDOWN =
  '# a\n\n- [b](https://c.example) `d`\n\n> e\n\n|f|g|\n|-|-|\n|h|i|\n\n```js\ncode\n```'

describe.skipIf(!hasChromium)('accessibility', () => {
  const { browser, gateway } = useBrowserAndGateway()

  it.each(['light', 'dark'] as const)(
    'axe finds no violation, contrast included: %s',
    async (colorScheme) => {
      const { page } = await visit(browser(), gateway().url, { colorScheme })
      await choose(page, 'nomyo/echo')
      expect(await violations(page)).toEqual([])
      await page.getByLabel('Offer demonstration tools').check()
      await say(page, MARKDOWN)
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

  it.each([360, 1280, 1920])(
    'at %d pixels, the composer stays in view and nothing scrolls sideways',
    async (width) => {
      const { page } = await visit(browser(), gateway().url, { width, height: 740 })
      await choose(page, 'nomyo/echo')
      expect(await overflow(page)).toEqual([0, 0])
      const row = `|${`${LONG}|`.repeat(3)}`
      await say(
        page,
        `${LONG}\n\`\`\`\n${LONG}\n\`\`\`\n\n${row}\n|-|-|-|\n${'long\n\n'.repeat(40)}`,
      )
      await answer(page)
      expect(await overflow(page)).toEqual([0, 0])
      await inView(page, ['#message', '#send', '#model', '#trust'])

      // Wide windows have space for the report from the start.
      const report = page.getByRole('complementary')
      expect(await report.isVisible()).toBe(width >= 960)
      await page.getByRole('button', { name: /^Report/ }).click()
      expect(await focused(page)).toContain('server key')
      expect(await page.locator('#trust').getAttribute('aria-expanded')).toBe('true')
      await page.locator('#traffic-list summary').first().click()
      await loadPolicy(page, LONG)
      expect(await overflow(page)).toEqual([0, 0])
      await inView(page, ['#close-report', '#message', '#send', '#model', '#trust'])
      await page.getByRole('button', { name: 'Close' }).click()
      expect([await focused(page), await report.isVisible()]).toEqual(['trust', false])
      await inView(page, ['#transcript', '#message'])
    },
  )

  it('a narrow page shows the conversation again when the report is left or a message is sent', async () => {
    const { page } = await visit(browser(), gateway().url, { width: 360, height: 740 })
    await choose(page, 'nomyo/echo')
    const transcript = page.getByRole('log')
    await page.getByRole('button', { name: 'Settings' }).click()
    expect([await focused(page), await transcript.isVisible()]).toEqual(['Settings', false])
    expect(await violations(page)).toEqual([])
    await page.keyboard.press('Escape')
    expect([await focused(page), await transcript.isVisible()]).toEqual(['open-settings', true])
    await page.getByRole('button', { name: 'Settings' }).click()
    await say(page, 'hello')
    expect(await answer(page)).toBe('hello')
    expect(await transcript.isVisible()).toBe(true)
  })
})

/** Returns by how much the page is wider and higher than the window. */
const overflow = (page: Page): Promise<readonly number[]> =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.documentElement
    return [scrollWidth - clientWidth, scrollHeight - clientHeight]
  })

/** Checks that elements are within the window, and that nothing covers their centre. */
async function inView(page: Page, selectors: readonly string[]): Promise<void> {
  const covered = await page.evaluate((all) => {
    const isUncovered = (selector: string): boolean => {
      const shown = document.querySelector(selector)
      const { left, right, top, bottom } = shown?.getBoundingClientRect() ?? new DOMRect(-1)
      const found = document.elementFromPoint((left + right) / 2, (top + bottom) / 2)
      const isInside = left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight
      return isInside && found !== null && shown?.contains(found) === true
    }
    return all.filter((selector) => !isUncovered(selector))
  }, selectors)
  expect(covered).toEqual([])
}

async function violations(page: Page): Promise<unknown> {
  await page.evaluate(axe)
  const results = await page.evaluate<AxeResults>('axe.run()')
  return results.violations.map(({ id, nodes }) => [
    id,
    nodes.map(({ html }) => html.slice(0, 200)),
  ])
}
