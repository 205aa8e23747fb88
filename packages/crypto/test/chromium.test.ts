import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { expect, it, onTestFinished } from 'vitest'
import * as library from '../src/index.js'
import { conformance } from './conformance.js'
import { conformanceVectors } from './conformance-vectors.js'
import { noteSkipped } from './support.js'

const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const found = existsSync(executablePath)
if (!found)
  noteSkipped('Chromium', `there is none at ${executablePath}; CHROMIUM_PATH names another`)

interface Outcome {
  name: string
  error: string | null
}

it.skipIf(!found)('the library conforms in Chromium', { timeout: 120_000 }, async () => {
  const vectors = await conformanceVectors()
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  })
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  // On loopback, because WebCrypto needs a secure context.
  await page.goto(await serve({ bundle: await bundle(), vectors: JSON.stringify(vectors) }))
  await page.waitForFunction('globalThis.outcomes !== undefined', undefined, { timeout: 110_000 })
  const outcomes = await page.evaluate<Outcome[]>('globalThis.outcomes')

  expect(outcomes.filter(({ error }) => error !== null)).toEqual([])
  const inNode = conformance(library, vectors)
  expect(outcomes.map(({ name }) => name)).toEqual(inNode.map(({ name }) => name))
})

/** Library and suite in one module for browsers; a Node module anywhere in it is an error. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      resolveDir: fileURLToPath(new URL('..', import.meta.url)),
      loader: 'ts',
      contents: `
        import * as library from './src/index.ts'
        import { conformance } from './test/conformance.ts'

        try {
          const vectors = await (await fetch('/vectors.json')).json()
          const outcomes = []
          for (const { name, run } of conformance(library, vectors)) {
            const error = await run().then(() => null, String)
            outcomes.push({ name, error })
          }
          globalThis.outcomes = outcomes
        } catch (error) {
          globalThis.outcomes = [{ name: 'the suite runs', error: String(error) }]
        }
      `,
    },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
  })
  return outputFiles[0]?.text ?? ''
}

/** Serves the page for the time of the test. */
async function serve(files: { bundle: string; vectors: string }): Promise<string> {
  const server = createServer((request, response) => {
    const [type, body] =
      request.url === '/bundle.js'
        ? ['text/javascript', files.bundle]
        : request.url === '/vectors.json'
          ? ['application/json', files.vectors]
          : ['text/html', '<!doctype html><script type="module" src="/bundle.js"></script>']
    response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8` }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return `http://127.0.0.1:${port}/`
}
