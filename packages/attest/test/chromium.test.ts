import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { quoteVectors } from '@nomyo/test-vectors'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { expect, it, onTestFinished } from 'vitest'
import { appraise } from '../src/index.js'
import { policyOf } from './support/appraisal.js'

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const found = existsSync(executablePath)
if (!found) console.info(`appraisal in a browser skipped: no Chromium at ${executablePath}`)

it.skipIf(!found)(
  'every vector gets the same verdicts in Chromium as in Node',
  { timeout: 120_000 },
  async () => {
    const browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    })
    onTestFinished(() => browser.close())
    const page = await browser.newPage()
    // An https page that is never fetched: WebCrypto needs a secure context.
    await page.route('https://attest.test/', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }),
    )
    await page.goto('https://attest.test/')
    await page.addScriptTag({ content: await bundle() })

    // What a pinned Name says depends on no platform: anchors are left out.
    const cases = quoteVectors().map((vector) => ({
      evidence: vector.tpm_attestation,
      policy: { ...policyOf(vector), trust: 'none' as const },
    }))
    const inNode = await Promise.all(
      cases.map(({ evidence, policy }) => appraise(evidence, policy)),
    )
    const inBrowser = await page.evaluate<unknown>(
      `Promise.all(${serialize(cases)}.map(({ evidence, policy }) => attest.appraise(evidence, policy)))`,
    )
    expect(inBrowser).toEqual(JSON.parse(JSON.stringify(inNode)))
  },
)

/** The main entry as one script; a Node module anywhere in it is an error. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../src/index.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'attest',
    platform: 'browser',
    target: 'es2022',
  })
  return outputFiles[0]?.text ?? ''
}

/** A JavaScript expression: JSON with byte arrays. */
function serialize(value: unknown): string {
  if (value instanceof Uint8Array) return `new Uint8Array([${value.join()}])`
  if (Array.isArray(value)) return `[${value.map(serialize).join()}]`
  if (typeof value !== 'object' || value === null) {
    return value === undefined ? 'undefined' : JSON.stringify(value)
  }
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}:${serialize(member)}`,
  )
  return `{${members.join()}}`
}
