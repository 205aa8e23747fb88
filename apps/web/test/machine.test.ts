import { startSwtpm, isInstalled, type Swtpm } from '@nomyo-internal/testing'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answer,
  choose,
  chromiumFound,
  launch,
  loadPolicy,
  say,
  useBrowserAndGateway,
  visit,
} from './browser.js'
import { startGateway, type GatewayProcess } from './gateway-process.js'

if (!isInstalled('swtpm')) console.info('the machine judged in the page skipped: no swtpm')

const OTHER_VALUE = '11'.repeat(32)

describe.skipIf(!chromiumFound)('a gateway without a TPM', () => {
  const shared = useBrowserAndGateway()

  it('is not judged without a policy, and the page says so', async () => {
    const { page } = await visit(shared.browser, shared.gateway.url)
    expect(await page.locator('#policy-state').textContent()).toContain('not judged')
    await choose(page, 'nomyo/echo')
    await say(page, 'hello')
    await answer(page)
    expect(await page.locator('#results').textContent()).toContain('no evidence')
  })

  it('gets nothing once there is a policy', async () => {
    const { page, sealed } = await visit(shared.browser, shared.gateway.url)
    await loadPolicy(page, policyOf({ akName: `000b${'00'.repeat(32)}` }))
    await refused(page, 'ERR_ATTESTATION_FAILED')
    expect(sealed()).toBe(0)
    expect(await statusOf(page, 'evidence.shape')).toContain('failed')
  })

  it.each(['no JSON', '{"format":"another"}', { ...policyOf({ akName: '00' }), canary: 1 }])(
    'gets nothing with a policy that cannot be used, until it is forgotten: %j',
    async (policy) => {
      const { page, sealed } = await visit(shared.browser, shared.gateway.url)
      await loadPolicy(page, policy)
      await page.locator('#policy-state', { hasText: 'no usable policy' }).waitFor()
      await refused(page, 'ERR_POLICY_INVALID')
      expect(sealed()).toBe(0)
      await page.getByRole('button', { name: 'Forget the policy' }).click()
      await page.getByRole('button', { name: 'Send' }).click()
      expect(await answer(page)).toBe('must not leave')
    },
  )

  it('gets nothing while a policy is read', async () => {
    const { page, sealed } = await visit(shared.browser, shared.gateway.url)
    const letRead = await holdReading(page)
    await loadPolicy(page, 'no JSON')
    await page.locator('#policy-state', { hasText: 'Reading policy.json' }).waitFor()
    await refused(page, 'ERR_POLICY_INVALID')
    expect(sealed()).toBe(0)
    await letRead(0)
    await page.locator('#policy-state', { hasText: 'no usable policy' }).waitFor()
  })

  it('is judged by the policy chosen last, whichever is read first', async () => {
    const { page } = await visit(shared.browser, shared.gateway.url)
    const letRead = await holdReading(page)
    await loadPolicy(page, 'no JSON')
    await loadPolicy(page, policyOf({ akName: `000b${'00'.repeat(32)}` }))
    await letRead(1)
    await page.locator('#policy-state', { hasText: 'Judged by' }).waitFor()
    await letRead(0)
    expect(await page.locator('#policy-state').textContent()).toContain('Judged by')
    await refused(page, 'ERR_ATTESTATION_FAILED')
  })

  it('is not judged by a policy forgotten before it was read', async () => {
    const { page } = await visit(shared.browser, shared.gateway.url)
    const letRead = await holdReading(page)
    await loadPolicy(page, 'no JSON')
    await page.getByRole('button', { name: 'Forget the policy' }).click()
    await letRead(0)
    expect(await page.locator('#policy-state').textContent()).toContain('not judged')
    await choose(page, 'nomyo/echo')
    await say(page, 'hello')
    expect(await answer(page)).toBe('hello')
  })
})

describe.skipIf(!chromiumFound || !isInstalled('swtpm'))('a gateway with a TPM', () => {
  let swtpm: Swtpm
  let browser: Browser
  let gateway: GatewayProcess
  let akName: string

  beforeAll(async () => {
    swtpm = await startSwtpm()
    browser = await launch()
    gateway = await startGateway(['--engine', 'demo', '--tpm', swtpm.address])
    akName = /attestation key (000b[0-9a-f]{64})/.exec(gateway.output())?.[1] ?? ''
  })
  afterAll(async () => {
    await browser.close()
    await gateway.stop()
    await swtpm.stop()
  })

  it('shows what it says of itself where nobody judges it', async () => {
    const { page } = await visit(browser, gateway.url)
    await choose(page, 'nomyo/echo')
    await say(page, 'hello')
    await answer(page)
    const results = page.locator('#results')
    await results.locator('summary').click()
    expect(await results.textContent()).toContain('Nobody has judged it')
    expect(await results.locator('pre').textContent()).toContain('"sha256"')
  })

  it('is judged before anything is sent, and with every answer', async () => {
    const { page, requests } = await visit(browser, gateway.url)
    const values = await valuesOf(gateway)
    await loadPolicy(page, policyOf({ akName, values }))
    await choose(page, 'nomyo/echo')
    await say(page, 'hello')
    expect(await answer(page)).toBe('hello')
    const results = page.locator('.result')
    expect(
      await results.evaluateAll((all) =>
        all.map((one) => [one.getAttribute('data-subject'), one.getAttribute('data-tier')]),
      ),
    ).toEqual([
      ['server-key', 'affirming'],
      ['answer', 'affirming'],
    ])
    expect(await results.first().locator('li').count()).toBe(29)
    expect(await statusOf(page, 'binding')).toContain('passed')
    expect(await statusOf(page, 'ima')).toContain('not checked')
    const paths = requests.map((request) => new URL(request.url()).pathname)
    expect(paths.indexOf('/pki/attestation')).toBeLessThan(
      paths.indexOf('/v1/chat/secure_completion'),
    )
  })

  it.each([
    ['pcr.policy', (name: string) => ({ akName: name, values: { '0': OTHER_VALUE } })],
    ['ak.trust', () => ({ akName: `000b${'00'.repeat(32)}` })],
  ])('gets nothing where %s does not hold', async (check, rules) => {
    const { page, sealed } = await visit(browser, gateway.url)
    await loadPolicy(page, policyOf(rules(akName)))
    await refused(page, 'ERR_ATTESTATION_FAILED')
    expect(sealed()).toBe(0)
    expect(await page.getByRole('alert').textContent()).toContain('Nothing was sent')
    expect(await statusOf(page, check)).toMatch(/failed|warning/)
    // Worst first.
    const [first, second] = await page.locator('.result li .status').allTextContents()
    expect([first, second].join()).toMatch(/failed|warning/)
  })
})

function policyOf({
  akName,
  values,
}: {
  readonly akName: string
  readonly values?: Readonly<Record<string, string>>
}): Record<string, unknown> {
  return {
    format: 'nomyo-attestation-policy/1',
    requiredPcrs: 'sha256:0,7',
    trust: [{ pinnedAk: akName }],
    ...(values && { referenceValues: { sha256: values } }),
  }
}

/** What its PCRs hold, in its own words. */
async function valuesOf({ url }: GatewayProcess): Promise<Record<string, string>> {
  const nonce = Buffer.alloc(32, 7).toString('base64url')
  const response = await fetch(`${url}/pki/attestation?nonce=${nonce}`)
  const { tpm_attestation: evidence } = (await response.json()) as {
    tpm_attestation: { pcr_values: { sha256: Record<string, string> } }
  }
  const { '0': firmware = '', '7': secureBoot = '' } = evidence.pcr_values.sha256
  return { '0': firmware, '7': secureBoot }
}

/** Has files read only when told to, by the number of their reading; that one is then over. */
async function holdReading(page: Page): Promise<(number: number) => Promise<void>> {
  const held = await page.evaluateHandle(() => {
    const releases: (() => void)[] = []
    const read = Object.getOwnPropertyDescriptor(Blob.prototype, 'text')?.value as Blob['text']
    Blob.prototype.text = async function (this: Blob) {
      await new Promise<void>((resolve) => releases.push(resolve))
      return read.call(this)
    }
    return releases
  })
  return (number) =>
    held.evaluate(async (releases, at) => {
      const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
      while (releases[at] === undefined) await pause(10)
      releases[at]()
      // As long as another file takes to be read, and whatever hangs on it.
      await new Response(new Blob(['x'])).text()
      await pause(50)
    }, number)
}

async function refused(page: Page, code: string): Promise<void> {
  await choose(page, 'nomyo/echo')
  await say(page, 'must not leave')
  await page.getByRole('alert').getByText(code).waitFor()
}

const statusOf = (page: Page, check: string): Promise<string | null> =>
  page.locator(`li[data-check="${check}"] .status`).first().textContent()
