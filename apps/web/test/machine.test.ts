import { isInstalled, shared, startSwtpm } from '@nomyo-internal/testing'
import { Tpm, createQuoter } from '@nomyo/tpm'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import {
  answer,
  ask,
  badge,
  hasChromium,
  loadPolicy,
  refused,
  useBrowser,
  useBrowserAndGateway,
  visit,
} from './browser.js'
import { newGateway } from './gateway.js'

const OTHER_VALUE = '11'.repeat(32)

describe.skipIf(!hasChromium)('a gateway without a TPM', () => {
  const { browser, gateway } = useBrowserAndGateway()

  it('is not appraised without a policy, and the page reports that', async () => {
    const { page } = await visit(browser(), gateway().url)
    expect(await page.locator('#policy-state').textContent()).toContain('not appraised')
    await ask(page, 'hello')
    expect(await page.locator('#results').textContent()).toContain('no evidence')
  })

  it('gets nothing once a policy is loaded', async () => {
    const { page, encrypted } = await visit(browser(), gateway().url)
    await loadPolicy(page, policyOf({ akName: `000b${'00'.repeat(32)}` }))
    await refused(page, 'ERR_ATTESTATION_FAILED')
    expect(encrypted()).toBe(0)
    expect(await statusOf(page, 'evidence.shape')).toContain('failed')
  })

  it.each(['no JSON', '{"format":"another"}', { ...policyOf({ akName: '00' }), canary: 1 }])(
    'gets nothing with an unusable policy, until it is removed: %j',
    async (policy) => {
      const { page, encrypted } = await visit(browser(), gateway().url)
      await loadPolicy(page, policy)
      await page.locator('#policy-state', { hasText: 'unusable as a policy' }).waitFor()
      await refused(page, 'ERR_POLICY_INVALID')
      expect(encrypted()).toBe(0)
      await page.getByRole('button', { name: 'Remove the policy' }).click()
      await page.getByRole('button', { name: 'Send' }).click()
      expect(await answer(page)).toBe('must not leave')
    },
  )

  it('gets nothing while a policy is read', async () => {
    const { page, encrypted } = await visit(browser(), gateway().url)
    const completeReading = await holdReading(page)
    await loadPolicy(page, 'no JSON')
    await page.locator('#policy-state', { hasText: 'Reading policy.json' }).waitFor()
    expect(await badge(page)).toContain('no usable policy')
    await refused(page, 'ERR_POLICY_INVALID')
    expect(encrypted()).toBe(0)
    await completeReading(0)
    await page.locator('#policy-state', { hasText: 'unusable as a policy' }).waitFor()
  })

  it('is appraised by the policy chosen last, in any order of reading', async () => {
    const { page } = await visit(browser(), gateway().url)
    const completeReading = await holdReading(page)
    await loadPolicy(page, 'no JSON')
    await loadPolicy(page, policyOf({ akName: `000b${'00'.repeat(32)}` }))
    await completeReading(1)
    await page.locator('#policy-state', { hasText: 'Appraised by' }).waitFor()
    await completeReading(0)
    expect(await page.locator('#policy-state').textContent()).toContain('Appraised by')
    await refused(page, 'ERR_ATTESTATION_FAILED')
  })

  it('is not appraised by a policy that is removed before it is read', async () => {
    const { page } = await visit(browser(), gateway().url)
    const completeReading = await holdReading(page)
    await loadPolicy(page, 'no JSON')
    await page.getByRole('button', { name: 'Remove the policy' }).click()
    await completeReading(0)
    expect(await page.locator('#policy-state').textContent()).toContain('not appraised')
    expect(await ask(page, 'hello')).toBe('hello')
  })
})

describe.skipIf(!hasChromium || !isInstalled('swtpm'))('a gateway with a TPM', () => {
  const browser = useBrowser()
  const machine = shared(async () => {
    const swtpm = await startSwtpm()
    const { address } = swtpm
    const tpm = new Tpm(address)
    const { akName } = await createQuoter({ tpm, pcrs: 'sha256:0' })
    await tpm.close()
    const gateway = await newGateway({
      tpm: { address, pcrs: 'sha256:0,7,10', ak: { mode: 'persistent' }, required: false },
    })
    const stop = async (): Promise<void> => {
      await gateway.stop()
      await swtpm.stop()
    }
    return { url: gateway.url, akName: Buffer.from(akName).toString('hex'), stop }
  })

  it('shows its evidence without a policy', async () => {
    const { page } = await visit(browser(), machine().url)
    await ask(page, 'hello')
    const results = page.locator('#results')
    await results.locator('summary').click()
    expect(await results.textContent()).toContain('It was not appraised')
    expect(await results.locator('pre').textContent()).toContain('"sha256"')
  })

  it('is appraised before anything is sent, and with every answer', async () => {
    const { page, requests } = await visit(browser(), machine().url)
    const values = await valuesOf(machine().url)
    await loadPolicy(page, policyOf({ akName: machine().akName, values }))
    expect(await ask(page, 'hello')).toBe('hello')
    const results = page.locator('.result')
    expect(
      await results.evaluateAll((all) =>
        all.map((result) => [
          result.getAttribute('data-subject'),
          result.getAttribute('data-tier'),
        ]),
      ),
    ).toEqual([
      ['server-key', 'affirming'],
      ['answer', 'affirming'],
    ])
    expect(await badge(page)).toBe('! Report: key not verified, machine meets policy')
    expect(await results.first().locator('li').count()).toBe(29)
    expect(await statusOf(page, 'binding')).toContain('passed')
    expect(await statusOf(page, 'ima')).toContain('not checked')
    const paths = requests.map((request) => new URL(request.url()).pathname)
    expect(paths.indexOf('/pki/attestation')).toBeLessThan(
      paths.indexOf('/.well-known/ohttp-gateway'),
    )
  })

  it.each([
    ['pcr.policy', (name: string) => ({ akName: name, values: { '0': OTHER_VALUE } })],
    ['ak.trust', () => ({ akName: `000b${'00'.repeat(32)}` })],
  ])('gets nothing where %s does not hold', async (check, rules) => {
    const { page, encrypted } = await visit(browser(), machine().url)
    await loadPolicy(page, policyOf(rules(machine().akName)))
    await refused(page, 'ERR_ATTESTATION_FAILED')
    expect(encrypted()).toBe(0)
    expect(await page.getByRole('alert').textContent()).toContain('Nothing was sent')
    expect(await badge(page)).toBe('✕ Report: machine violates policy')
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

/** Fetches the values of its PCRs. */
async function valuesOf(url: string): Promise<Record<string, string>> {
  const nonce = Buffer.alloc(32, 7).toString('base64url')
  const response = await fetch(`${url}/pki/attestation?nonce=${nonce}`)
  const { tpm_attestation: evidence } = (await response.json()) as {
    tpm_attestation: { pcr_values: { sha256: Record<string, string> } }
  }
  const { '0': firmware = '', '7': secureBoot = '' } = evidence.pcr_values.sha256
  return { '0': firmware, '7': secureBoot }
}

/** Holds the reading of files; returns a function that completes one of them, by its number. */
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
      // As long as reading another file takes, and its effects.
      await new Response(new Blob(['x'])).text()
      await pause(50)
    }, number)
}

const statusOf = (page: Page, check: string): Promise<string | null> =>
  page.locator(`li[data-check="${check}"] .status`).first().textContent()
