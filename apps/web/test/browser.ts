import { existsSync } from 'node:fs'
import { chromium, type Browser, type Page, type Request } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { startGateway, type GatewayProcess } from './gateway-process.js'

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'

/** Whether there is a browser: without one its tests are skipped, with one line. */
export const chromiumFound = existsSync(executablePath)
if (!chromiumFound) console.info(`the page in a browser skipped: no Chromium at ${executablePath}`)

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  })

/** What the tests of a group share, from before the first to after the last. */
export interface Shared {
  readonly browser: Browser
  readonly gateway: GatewayProcess
}

/** A browser, and a gateway that serves the page, for the tests of a group. */
export function useBrowserAndGateway(): Shared {
  let browser: Browser | undefined
  let gateway: GatewayProcess | undefined
  beforeAll(async () => {
    browser = await launch()
    gateway = await startGateway()
  })
  afterAll(async () => {
    await browser?.close()
    await gateway?.stop()
  })
  const started = <T>(it: T | undefined): T => {
    if (it === undefined) throw new Error('used before the tests have begun')
    return it
  }
  return {
    get browser() {
      return started(browser)
    },
    get gateway() {
      return started(gateway)
    },
  }
}

/** The page, with everything it asked for and everything it was forbidden. */
export interface Visit {
  readonly page: Page
  readonly requests: readonly Request[]
  /** Violations of the Content-Security-Policy, and errors nobody caught. */
  readonly complaints: readonly string[]
  /** Sealed requests so far. */
  sealed(): number
}

export interface VisitOptions {
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'light' | 'dark'
}

/** Opens the page as a person with a fresh browser does, until it is ready to be used. */
export async function visit(browser: Browser, url: string, options?: VisitOptions): Promise<Visit> {
  const opened = await openPage(browser, url, options)
  onTestFinished(() => opened.page.context().close())
  return opened
}

/** The same, for as long as the browser is there: each page makes a key, which takes its time. */
export async function openPage(
  browser: Browser,
  url: string,
  { width = 1280, height = 900, colorScheme = 'light' }: VisitOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme })
  const page = await context.newPage()
  const requests: Request[] = []
  const complaints: string[] = []
  page.on('request', (request) => requests.push(request))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => {
    if (/Content.Security.Policy|TrustedHTML/i.test(message.text())) complaints.push(message.text())
  })
  await page.goto(url)
  await page.locator('#fingerprint', { hasText: 'sha256/' }).waitFor()
  return {
    page,
    requests,
    complaints,
    sealed: () => requests.filter((request) => isSealed(request.url())).length,
  }
}

export const isSealed = (url: string): boolean => url.endsWith('/v1/chat/secure_completion')

/** Writes a message and sends it. */
export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
}

/** Chooses a model by name, once there is a list. */
export async function choose(page: Page, model: string): Promise<void> {
  await page.getByRole('combobox', { name: 'Model' }).selectOption(model)
}

/** Waits for the newest answer, and gives its text. */
export async function answer(page: Page, count = 1): Promise<string> {
  const answers = page.locator('.message.model')
  await expect.poll(() => answers.count(), { timeout: 30_000 }).toBe(count)
  return (await answers.last().locator('.text').allTextContents()).join('\n')
}

/** Loads a policy file into the page. */
export async function loadPolicy(page: Page, policy: unknown): Promise<void> {
  const text = typeof policy === 'string' ? policy : JSON.stringify(policy)
  await page.getByLabel('Policy file').setInputFiles({
    name: 'policy.json',
    mimeType: 'application/json',
    buffer: Buffer.from(text),
  })
}
