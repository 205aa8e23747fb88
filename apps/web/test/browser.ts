import { createPrivateKey, createPublicKey } from 'node:crypto'
import { CHROMIUM_PATH, isInstalled, shared } from '@nomyo-internal/testing'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { chromium, type Browser, type Page, type Request } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import { newGateway, type TestGateway } from './gateway.js'

/** True where a browser is installed; its tests are skipped otherwise. */
export const hasChromium = isInstalled('chromium')

/** Starts a browser for the tests of a group; returns a getter. */
export function useBrowser(): () => Browser {
  const launched = shared(async () => {
    const browser = await chromium.launch({
      executablePath: CHROMIUM_PATH,
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    })
    return { browser, stop: () => browser.close() }
  })
  return () => launched().browser
}

/** Starts a browser, and a gateway that serves the page, for the tests of a group. */
export function useBrowserAndGateway(): { browser: () => Browser; gateway: () => TestGateway } {
  return { browser: useBrowser(), gateway: shared(newGateway) }
}

/** An open page, with its requests and violations. */
export interface Visit {
  readonly page: Page
  readonly requests: readonly Request[]
  /** Violations of the Content-Security-Policy, uncaught errors and dialogs. */
  readonly violations: readonly string[]
  /** Number of encrypted requests so far. */
  encrypted(): number
}

export interface VisitOptions {
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'light' | 'dark'
  /** Generates the reply key, which takes seconds. Default: a key of the vectors. */
  readonly generateKey?: boolean
}

/** Opens the page in a new context for the current test, and waits until it is ready. */
export async function visit(browser: Browser, url: string, options?: VisitOptions): Promise<Visit> {
  const opened = await openPage(browser, url, options)
  onTestFinished(() => opened.page.context().close())
  return opened
}

/** Opens the page in a new context that the caller closes. */
export async function openPage(
  browser: Browser,
  url: string,
  { width = 1280, height = 900, colorScheme = 'light', generateKey = false }: VisitOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme })
  const page = await context.newPage()
  if (!generateKey) await page.addInitScript(replaceKeyGeneration, REPLY_KEY)
  const requests: Request[] = []
  const violations: string[] = []
  page.on('request', (request) => requests.push(request))
  page.on('pageerror', (error) => violations.push(String(error)))
  page.on('dialog', (dialog) => {
    violations.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => {
    if (/Content.Security.Policy|TrustedHTML/i.test(message.text())) violations.push(message.text())
  })
  await page.goto(url)
  await page.locator('#fingerprint', { hasText: 'sha256/' }).waitFor({ state: 'attached' })
  return {
    page,
    requests,
    violations,
    encrypted: () => requests.filter((request) => isEncrypted(request.url())).length,
  }
}

const pem = keyPem('keys/client.private.pem')
const REPLY_KEY = {
  pkcs8: createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' }).toString('base64'),
  spki: createPublicKey(pem).export({ type: 'spki', format: 'der' }).toString('base64'),
}

/** Runs in the page, before its scripts: makes `generateKey` import this RSA key. */
function replaceKeyGeneration({ pkcs8, spki }: typeof REPLY_KEY): void {
  const { subtle } = crypto
  const generate = subtle.generateKey.bind(subtle) as (...args: unknown[]) => Promise<unknown>
  const bytes = (base64: string): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const generateKey = async (
    given: RsaHashedKeyGenParams | string,
    extractable: boolean,
    usages: readonly KeyUsage[],
  ): Promise<unknown> => {
    const { name, hash } = given as RsaHashedKeyGenParams
    if (name !== 'RSA-OAEP') return generate(given, extractable, usages)
    const algorithm = { name, hash }
    const of = (kind: RegExp): KeyUsage[] => usages.filter((usage) => kind.test(usage))
    const [privateKey, publicKey] = await Promise.all([
      subtle.importKey('pkcs8', bytes(pkcs8), algorithm, extractable, of(/decrypt|unwrap/)),
      subtle.importKey('spki', bytes(spki), algorithm, true, of(/encrypt|^wrap/)),
    ])
    return { privateKey, publicKey }
  }
  Object.defineProperty(subtle, 'generateKey', { value: generateKey })
}

export const isEncrypted = (url: string): boolean =>
  url.endsWith('/v1/chat/secure_completion') || url.endsWith('/.well-known/ohttp-gateway')

/** Types a message and sends it. */
export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
}

/** Chooses a model by name, once the list is loaded. */
export async function choose(page: Page, model: string): Promise<void> {
  await page.getByRole('combobox', { name: 'Model' }).selectOption(model)
}

/** Sends a message to a model in a new conversation, and returns the answer. */
export async function ask(page: Page, text: string, model = 'nomyo/echo'): Promise<string> {
  await choose(page, model)
  await say(page, text)
  return answer(page)
}

/** Sends a message that the page must refuse, and waits for the code. */
export async function refused(page: Page, code: string): Promise<void> {
  await choose(page, 'nomyo/echo')
  await say(page, 'must not leave')
  await page.getByRole('alert').getByText(code).waitFor()
}

/** Waits until the newest of this many answers is complete, and returns its text. */
export async function answer(page: Page, count = 1): Promise<string> {
  const answers = page.locator('.message.model')
  await expect.poll(() => answers.count()).toBe(count)
  await page.getByRole('button', { name: 'Send' }).waitFor()
  return (await answers.last().locator('.text').allTextContents()).join('\n')
}

/** Returns id or text of the element that has the focus; nothing where none has. */
export const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const { activeElement: active } = document
    return active === null || active === document.body ? '' : active.id || active.textContent
  })

/** Returns the text of the trust badge. */
export async function badge(page: Page): Promise<string> {
  const text = (await page.locator('#trust').textContent()) ?? ''
  return text.replace(/\s+/g, ' ').trim()
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
