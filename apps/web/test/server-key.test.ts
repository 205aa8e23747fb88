import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answer, choose, chromiumFound, launch, say, visit } from './browser.js'
import { startGateway, type GatewayProcess } from './gateway-process.js'

describe.skipIf(!chromiumFound)('the server key', () => {
  let browser: Browser
  let gateway: GatewayProcess
  let fingerprint: string

  beforeAll(async () => {
    browser = await launch()
    gateway = await startGateway()
    fingerprint = /server key (sha256\/\S+)/.exec(gateway.output())?.[1] ?? ''
  })
  afterAll(async () => {
    await browser.close()
    await gateway.stop()
  })

  it('is shown before anything is sent, as not compared', async () => {
    const { page, sealed } = await visit(browser, gateway.url)
    expect(await page.locator('#fingerprint').textContent()).toBe(fingerprint)
    expect(await page.locator('#key-trust').textContent()).toContain('Not compared')
    expect(sealed()).toBe(0)
  })

  it('that matches is sealed for', async () => {
    const { page, sealed } = await visit(browser, gateway.url)
    await page.getByLabel('Fingerprint you were told').fill(` ${fingerprint} `)
    await page.getByRole('button', { name: 'Compare' }).click()
    expect(await page.locator('#key-trust').textContent()).toContain('✓ Match')
    await choose(page, 'nomyo/echo')
    await say(page, 'hello')
    expect(await answer(page)).toBe('hello')
    expect(sealed()).toBe(1)
  })

  it('that does not match gets nothing', async () => {
    const { page, sealed } = await visit(browser, gateway.url)
    const other = `sha256/${Buffer.alloc(32, 1).toString('base64')}`
    await page.getByLabel('Fingerprint you were told').fill(other)
    await page.keyboard.press('Enter')
    expect(await page.locator('#key-trust').textContent()).toContain('✕ Mismatch')
    await choose(page, 'nomyo/echo')
    await say(page, 'hello')
    await page.getByRole('alert').getByText('ERR_KEY_MISMATCH').waitFor()
    expect(sealed()).toBe(0)
  })

  it('is not compared with what is no fingerprint', async () => {
    const { page } = await visit(browser, gateway.url)
    await page.getByLabel('Fingerprint you were told').fill('sha256/abc')
    await page.getByRole('button', { name: 'Compare' }).click()
    expect(await page.locator('#key-trust').textContent()).toContain('no fingerprint')
  })

  it('that is another than the one seen first gets nothing', async () => {
    const first = await startGateway()
    const { page, sealed } = await visit(browser, first.url)
    await choose(page, 'nomyo/echo')
    await first.stop()
    const second = await startGateway(['--engine', 'demo'], {
      port: Number(new URL(first.url).port),
      key: 'client',
    })
    try {
      await say(page, 'hello')
      await page.getByRole('alert').getByText('ERR_SERVER_KEY_CHANGED').waitFor()
      expect(sealed()).toBe(0)
      const trust = page.locator('#key-trust')
      expect(await trust.textContent()).toContain('Changed')
      const pasted = (await page.locator('#fingerprint').textContent()) ?? ''
      for (const told of ['', pasted]) {
        await page.getByLabel('Fingerprint you were told').fill(told)
        await page.getByRole('button', { name: 'Compare' }).click()
        expect(await trust.textContent()).toContain('Changed')
        expect(await trust.getAttribute('class')).toBe('verdict bad')
      }
    } finally {
      await second.stop()
    }
  })
})
