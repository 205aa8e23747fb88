import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build as esbuild } from 'esbuild'
import { chromium, type Browser } from 'playwright-core'
import { build as vite } from 'vite'
import type { GatewayProcess } from '@nomyo-internal/testing/gateway-process'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startGateway } from '../run.js'

const folder = join(inject('everything'), 'page')
const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const hasChromium = existsSync(executablePath)
if (!hasChromium) console.warn(`skipped: bundles in a browser, there is no ${executablePath}`)

const PROGRAM = `
  import { SecureChatCompletion } from '@nomyo/client'
  globalThis.chat = async (baseUrl, content) => {
    const client = new SecureChatCompletion({ baseUrl, allowHttp: true, maxRetries: 0 })
    const { choices, _metadata } = await client.create({
      model: 'nomyo/echo',
      messages: [{ role: 'user', content }],
    })
    client.dispose()
    return [choices[0].message.content, _metadata.is_encrypted]
  }`

// Defined in the page, where the functions given to `page.evaluate` run.
declare const chat: (baseUrl: string, content: string) => Promise<unknown>

const bundlers: Readonly<Record<string, (outDir: string) => Promise<unknown>>> = {
  esbuild: (outdir) =>
    esbuild({
      absWorkingDir: folder,
      entryPoints: ['page.js'],
      bundle: true,
      minify: true,
      splitting: true,
      format: 'esm',
      outdir,
      logLevel: 'silent',
    }),
  vite: (outDir) =>
    vite({
      root: folder,
      configFile: false,
      logLevel: 'silent',
      build: { outDir, rolldownOptions: { output: { entryFileNames: 'page.js' } } },
    }),
}

beforeAll(async () => {
  await mkdir(folder)
  await writeFile(join(folder, 'page.js'), PROGRAM)
  await writeFile(join(folder, 'index.html'), '<script type="module" src="./page.js"></script>')
})

describe.each(Object.keys(bundlers))('bundled by %s', (name) => {
  const outDir = join(folder, `by-${name}`)
  beforeAll(async () => {
    await bundlers[name]?.(outDir)
  })

  it('has no module of Node inside', async () => {
    const code = await readFile(join(outDir, 'page.js'), 'utf8')
    expect(code).toContain('/pki/public_key')
    expect(code).not.toMatch(/node:|undici/)
  })

  describe.skipIf(!hasChromium)('in Chromium', () => {
    let site: Server
    let gateway: GatewayProcess
    let browser: Browser
    beforeAll(async () => {
      site = await serve(outDir)
      gateway = await startGateway(folder + '/..', ['--cors-origin', originOf(site)])
      browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
    })
    afterAll(async () => {
      await browser.close()
      await gateway.stop()
      site.close()
    })

    it('chats with a gateway', async () => {
      const page = await browser.newPage()
      const errors: string[] = []
      page.on('pageerror', (error) => errors.push(error.message))
      await page.goto(originOf(site))
      await page.waitForFunction(() => 'chat' in globalThis)
      const answer = await page.evaluate(([url, text]) => chat(url, text), [
        gateway.url,
        'Grüße 🩺',
      ] as const)
      expect(answer).toEqual(['Grüße 🩺', true])
      expect(errors).toEqual([])
    })
  })
})

const PAGE = '<!doctype html><title>page</title><script type="module" src="/page.js"></script>'

/** A site of its own: the page, and the scripts of a bundle. */
async function serve(scripts: string): Promise<Server> {
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    if (path === '/') response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE)
    else {
      readFile(join(scripts, path)).then(
        (text) => response.writeHead(200, { 'content-type': 'text/javascript' }).end(text),
        () => response.writeHead(404).end(),
      )
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const originOf = (server: Server): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}`
