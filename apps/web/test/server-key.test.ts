import { describe, expect, it } from 'vitest'
import { answer, choose, hasChromium, say, useBrowserAndGateway, visit } from './browser.js'
import { newGateway, otherKeyDir, testGateway } from './gateway.js'

describe.skipIf(!hasChromium)('the server key', () => {
  const { browser, gateway } = useBrowserAndGateway()

  it('is shown before anything is sent, as not compared', async () => {
    const { page, encrypted } = await visit(browser(), gateway().url)
    expect(await page.locator('#fingerprint').textContent()).toBe(gateway().fingerprint)
    expect(await page.locator('#key-trust').textContent()).toContain('Not compared')
    expect(encrypted()).toBe(0)
  })

  it('that matches is used', async () => {
    const { page, encrypted } = await visit(browser(), gateway().url)
    await page.getByLabel('Fingerprint from the operator').fill(` ${gateway().fingerprint} `)
    await page.getByRole('button', { name: 'Compare' }).click()
    expect(await page.locator('#key-trust').textContent()).toContain('✓ Match')
    await choose(page, 'nomyo/echo')
    await say(page, 'hello')
    expect(await answer(page)).toBe('hello')
    expect(encrypted()).toBe(1)
  })

  it('that does not match gets nothing', async () => {
    const { page, encrypted } = await visit(browser(), gateway().url)
    const other = `sha256/${Buffer.alloc(32, 1).toString('base64')}`
    await page.getByLabel('Fingerprint from the operator').fill(other)
    await page.keyboard.press('Enter')
    expect(await page.locator('#key-trust').textContent()).toContain('✕ Mismatch')
    await choose(page, 'nomyo/echo')
    await say(page, 'hello')
    await page.getByRole('alert').getByText('ERR_KEY_MISMATCH').waitFor()
    expect(encrypted()).toBe(0)
  })

  it('is compared with fingerprints only', async () => {
    const { page } = await visit(browser(), gateway().url)
    await page.getByLabel('Fingerprint from the operator').fill('sha256/abc')
    await page.getByRole('button', { name: 'Compare' }).click()
    expect(await page.locator('#key-trust').textContent()).toContain('no fingerprint')
  })

  it('that differs from the first one gets nothing', async () => {
    const first = await newGateway()
    const { page, encrypted } = await visit(browser(), first.url)
    await choose(page, 'nomyo/echo')
    await first.stop()
    await testGateway({ port: first.port, keyDir: otherKeyDir() })
    await say(page, 'hello')
    await page.getByRole('alert').getByText('ERR_SERVER_KEY_CHANGED').waitFor()
    expect(encrypted()).toBe(0)
    const trust = page.locator('#key-trust')
    expect(await trust.textContent()).toContain('Changed')
    const pasted = (await page.locator('#fingerprint').textContent()) ?? ''
    for (const text of ['', pasted]) {
      await page.getByLabel('Fingerprint from the operator').fill(text)
      await page.getByRole('button', { name: 'Compare' }).click()
      expect(await trust.textContent()).toContain('Changed')
      expect(await trust.getAttribute('class')).toBe('verdict bad')
    }
  })
})
