import { existsSync } from 'node:fs'
import process from 'node:process'
import { Unavailable } from '@nomyo-internal/testing/install-locked'
import { chromium as playwright } from 'playwright-core'
import type { Outcome } from '../suites/case.js'
import { bundle } from './bundle.js'
import { TIME_LIMIT_MS, type Runtime, type Surroundings } from './runtime.js'

/** The browser of this machine; optional, as for every test that needs a browser. */
export const chromium: Runtime = {
  id: 'chromium',
  name: 'Chromium',
  isRequired: false,
  prepare: async () => {
    const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
    if (!existsSync(executablePath)) {
      throw new Unavailable(`${executablePath} does not exist; CHROMIUM_PATH sets another path`)
    }
    const browser = await launch(executablePath)
    const version = browser.version()
    await browser.close()
    return { version, run: (surroundings) => run(executablePath, surroundings) }
  },
}

const launch = (executablePath: string) =>
  playwright.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  })

async function run(
  executablePath: string,
  { settings, pages }: Surroundings,
): Promise<readonly Outcome[]> {
  pages.files.set('/', '<!doctype html><script type="module" src="/page.js"></script>')
  pages.files.set('/page.js', await bundle('page.js', ['browser']))
  pages.files.set('/settings.json', JSON.stringify(settings))
  const browser = await launch(executablePath)
  try {
    const page = await browser.newPage()
    const broken = new Promise<never>((_, reject) => page.on('pageerror', reject))
    await page.goto(pages.url)
    const done = page.waitForFunction('globalThis.outcomes !== undefined', undefined, {
      timeout: TIME_LIMIT_MS,
    })
    await Promise.race([done, broken])
    return await page.evaluate<Outcome[]>('globalThis.outcomes')
  } finally {
    await browser.close()
  }
}
