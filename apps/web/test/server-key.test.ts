import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import {
  ask,
  badge,
  choose,
  hasChromium,
  refused,
  say,
  useBrowserAndGateway,
  visit,
} from './browser.js'
import { newGateway, otherKeyDir, testGateway } from './gateway.js'

const compare = async (page: Page, fingerprint: string): Promise<void> => {
  await page.getByLabel('Fingerprint from the operator').fill(fingerprint)
  await page.getByRole('button', { name: 'Compare' }).click()
}

describe.skipIf(!hasChromium)('the server key', () => {
  const { browser, gateway } = useBrowserAndGateway()

  it('is shown before anything is sent, as not compared', async () => {
    const { page, encrypted } = await visit(browser(), gateway().url)
    expect(await page.locator('#fingerprint').textContent()).toBe(gateway().identity)
    expect(await page.locator('#wire').textContent()).toMatch(/^Wire 2 \(post-quantum\)/)
    expect(await page.locator('#key-trust').textContent()).toContain('Not compared')
    expect(await badge(page)).toBe('! Report: key not verified, machine not appraised')
    expect(encrypted()).toBe(0)
  })

  it('that matches is used', async () => {
    const { page, encrypted } = await visit(browser(), gateway().url)
    await compare(page, ` ${gateway().identity} `)
    expect(await page.locator('#key-trust').textContent()).toContain('✓ Match')
    // Still unsure: no policy appraises the machine.
    expect(await badge(page)).toBe('! Report: key verified, machine not appraised')
    expect(await ask(page, 'hello')).toBe('hello')
    expect(encrypted()).toBe(1)
  })

  it('of wire 1 that matches vouches for that of wire 2', async () => {
    const { page, requests } = await visit(browser(), gateway().url)
    await compare(page, gateway().fingerprint)
    await page.locator('#key-trust', { hasText: '✓ Match' }).waitFor()
    expect(await ask(page, 'hello')).toBe('hello')
    expect(requests.map((request) => new URL(request.url()).pathname)).toContain('/pki/wire2/vouch')
  })

  it('is that of wire 1 where the gateway offers no other', async () => {
    const { url, fingerprint } = await testGateway({ requestKeys: { place: 'off' } })
    const { page } = await visit(browser(), url)
    expect(await page.locator('#fingerprint').textContent()).toBe(fingerprint)
    expect(await page.locator('#wire').textContent()).toMatch(/^Wire 1: the gateway does not offer/)
    expect(await ask(page, 'hello')).toBe('hello')
  })

  it('that does not match gets nothing', async () => {
    const { page, encrypted } = await visit(browser(), gateway().url)
    const other = `sha256/${Buffer.alloc(32, 1).toString('base64')}`
    await page.getByLabel('Fingerprint from the operator').fill(other)
    await page.keyboard.press('Enter')
    expect(await page.locator('#key-trust').textContent()).toContain('✕ Mismatch')
    expect(await badge(page)).toBe('✕ Report: key mismatch')
    await refused(page, 'ERR_KEY_MISMATCH')
    expect(encrypted()).toBe(0)
  })

  it('is compared with fingerprints only', async () => {
    const { page } = await visit(browser(), gateway().url)
    await compare(page, 'sha256/abc')
    expect(await page.locator('#key-trust').textContent()).toContain('Not a fingerprint')
  })

  it('that differs from the first one gets nothing', async () => {
    const first = await newGateway()
    const { page, encrypted } = await visit(browser(), first.url)
    await choose(page, 'nomyo/echo')
    await first.stop()
    await testGateway({ port: first.port, keyDir: otherKeyDir() })
    await say(page, 'hello')
    await page.getByRole('alert').getByText('ERR_SERVER_KEY_CHANGED').waitFor()
    // One request was encrypted to the first key, which is gone: its refusal reveals the other key.
    expect(encrypted()).toBe(1)
    const trust = page.locator('#key-trust')
    expect(await trust.textContent()).toContain('Changed')
    const pasted = (await page.locator('#fingerprint').textContent()) ?? ''
    for (const text of ['', pasted]) {
      await compare(page, text)
      expect(await trust.textContent()).toContain('Changed')
      expect(await trust.getAttribute('class')).toBe('verdict bad')
    }
  })
})
