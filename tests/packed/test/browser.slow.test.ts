import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { build as esbuild } from 'esbuild'
import { chromium } from 'playwright-core'
import { build as vite } from 'vite'
import { CHROMIUM_PATH, isInstalled, listenOnLoopback, shared } from '@nomyo-internal/testing'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { startGateway } from '../run.js'

const folder = join(inject('everything'), 'page')

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
    const files = await readdir(outDir, { recursive: true })
    const scripts = files.filter((file) => file.endsWith('.js')).map((file) => join(outDir, file))
    const code = (await Promise.all(scripts.map((path) => readFile(path, 'utf8')))).join('\n')
    for (const path of ['/pki/public_key', '/pki/wire2']) expect(code).toContain(path)
    expect(code).not.toMatch(/node:|undici/)
  })

  describe.skipIf(!isInstalled('chromium'))('in Chromium', () => {
    const site = shared(() => serve(outDir))
    const gateway = shared(() => startGateway(folder + '/..', ['--cors-origin', site().origin]))
    const browser = shared(async () => {
      const args = ['--no-sandbox']
      const started = await chromium.launch({ executablePath: CHROMIUM_PATH, args })
      return { newPage: () => started.newPage(), stop: () => started.close() }
    })

    it('chats with a gateway', async () => {
      const page = await browser().newPage()
      const errors: string[] = []
      page.on('pageerror', (error) => errors.push(error.message))
      await page.goto(site().origin)
      await page.waitForFunction(() => 'chat' in globalThis)
      const answer = await page.evaluate(([url, text]) => chat(url, text), [
        gateway().url,
        'Grüße 🩺',
      ] as const)
      expect(answer).toEqual(['Grüße 🩺', true])
      expect(errors).toEqual([])
    })
  })
})

const PAGE = '<!doctype html><title>page</title><script type="module" src="/page.js"></script>'

/** Serves the page and the scripts of a bundle. */
async function serve(scripts: string) {
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
  const origin = `http://127.0.0.1:${await listenOnLoopback(server)}`
  return { origin, stop: () => server.close() }
}
