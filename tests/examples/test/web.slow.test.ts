import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import {
  CHROMIUM_PATH,
  freePort,
  isInstalled,
  listenOnLoopback,
  shared,
  startScriptedModel,
  stopAfterTest,
  until,
} from '@nomyo-internal/testing'
import { startGatewayProcess } from '@nomyo-internal/testing/gateway-process'
import { chromium } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { copyExample, isInstalled as areInstalled, type Example } from '../example.js'

const TEXT = 'Grüße 🩺'
/** Where the browser page is served, which the gateway must know. */
const pagePort = await freePort()
const page = `http://localhost:${pagePort}`
const gateway = shared(() =>
  startGatewayProcess({ args: ['--engine', 'demo', '--cors-origin', page] }),
)

/** Settings of an example that asks the gateway, whose model answers with the text that it was sent. */
const settings = (): Record<string, string> => ({
  PORT: '0',
  NOMYO_BASE_URL: `http://localhost:${gateway().port}`,
  MODEL: 'nomyo/echo',
})

/** Starts the server of an example, and waits until it listens. */
async function startServer({ run }: Example, env: Readonly<Record<string, string>> = {}) {
  const program = run('start', { ...settings(), ...env })
  return { ...program, url: await program.prints(/(http:\/\/localhost:\d+)/) }
}

const post = (url: string, body: unknown): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

/** Builds the worker and starts workerd, which prints no address. */
async function startWorker(env: Readonly<Record<string, string>>) {
  const { run } = await copyExample('worker')
  const { code, stderr } = await run('build').ended
  expect(code, stderr).toBe(0)
  const port = await freePort()
  const program = run('start', env, [`--socket-addr=http=127.0.0.1:${port}`])
  const url = `http://127.0.0.1:${port}`
  await until(() =>
    fetch(url).then(
      () => true,
      () => false,
    ),
  )
  return { ...program, url }
}

/** Sends a request whose sender can leave at any time. */
function visit(url: string, body: unknown) {
  const headers = { 'content-type': 'application/json' }
  const visitor = request(url, { method: 'POST', headers, agent: false })
  return visitor.on('error', () => undefined).end(JSON.stringify(body))
}

/** Requests that the gateway has answered, as its log has them. */
const answered = (): Record<string, unknown>[] =>
  gateway()
    .stderr()
    .split('\n')
    .filter((line) => line.includes('"endpoint":'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe.runIf(areInstalled)('express', () => {
  const server = shared(async () => startServer(await copyExample('express')))

  it('streams an answer, encrypted by wire 2', async () => {
    const response = await post(`${server().url}/chat`, { message: TEXT })
    expect([response.status, await response.text()]).toEqual([200, TEXT])
    const [first] = await until(() => answered().length > 0 && answered())
    expect(first).toMatchObject({ wire: 2, endpoint: 'POST /v1/chat/completions', outcome: 'ok' })
  })

  it.each([
    ['no text', { message: 1 }, 400],
    ['no object', 'text', 400],
    ['too much', { message: 'a'.repeat(70_000) }, 413],
  ])('refuses %s', async (_, body, status) => {
    expect((await post(`${server().url}/chat`, body)).status).toBe(status)
  })

  it('ends the request to the gateway when the visitor leaves', async () => {
    const slow = stopAfterTest(
      await startServer(await copyExample('express'), { MODEL: 'nomyo/demo' }),
    )
    const visitor = visit(`${slow.url}/chat`, { message: TEXT })
    const [response] = (await once(visitor, 'response')) as [IncomingMessage]
    await once(response, 'data')
    visitor.destroy()
    const ended = await until(() => answered().find(({ model }) => model === 'nomyo/demo'))
    expect(ended['stream']).toBe('disconnected')
    expect((await slow.stop()).code).toBe(0)
  })

  it('answers with a status of its own where the gateway refuses', async () => {
    const model = 'nomyo/error-model-not-found'
    const wrong = stopAfterTest(await startServer(await copyExample('express'), { MODEL: model }))
    expect((await post(`${wrong.url}/chat`, { message: TEXT })).status).toBe(502)
  })
})

/** As `useChat` sends it. */
const message = { id: '1', role: 'user', parts: [{ type: 'text', text: TEXT }] }

describe.runIf(areInstalled)('vercel-ai', () => {
  const server = shared(async () => startServer(await copyExample('vercel-ai')))
  const ask = (messages: unknown) => post(`${server().url}/api/chat`, { messages })

  it('streams the call of a tool, its result, and the answer', async () => {
    const response = await ask([message])
    const events = (await response.text())
      .split('\n\n')
      .filter((event) => event.startsWith('data: {'))
      .map((event) => JSON.parse(event.slice(6)) as Record<string, unknown>)
    const output = { city: 'demo', celsius: 21 }
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'tool-output-available', output }),
    )
    const text = events.filter(({ type }) => type === 'text-delta').map(({ delta }) => delta)
    expect(text.join('')).toBe(JSON.stringify(output))
  })

  it('continues a conversation that has the call of a tool', async () => {
    const [type, output] = ['tool-weather', { city: 'Rome', celsius: 21 }]
    const call = {
      type,
      toolCallId: '1',
      state: 'output-available',
      input: { city: 'Rome' },
      output,
    }
    const answer = { id: '2', role: 'assistant', parts: [call, { type: 'text', text: '21 °C' }] }
    const response = await ask([message, answer, { ...message, id: '3' }])
    expect(await response.text()).toContain('"type":"text-delta"')
  })

  it.each([
    ['no list', 'text'],
    ['messages of another shape', [{ role: 'user', content: TEXT }]],
    ['instructions', [{ ...message, role: 'system' }]],
    [
      'files',
      [{ ...message, parts: [{ type: 'file', mediaType: 'image/png', url: 'http://a/' }] }],
    ],
  ])('refuses %s', async (_, messages) => {
    expect((await ask(messages)).status).toBe(400)
  })
})

describe.runIf(areInstalled)('worker', () => {
  const server = shared(() => startWorker(settings()))

  it('streams an answer', async () => {
    const before = answered().length
    const response = await fetch(server().url, { method: 'POST', body: TEXT })
    expect([response.status, await response.text()]).toEqual([200, TEXT])
    const [own] = await until(() => answered().length > before && answered().slice(before))
    expect(own).toMatchObject({ wire: 2, outcome: 'ok' })
  })

  it('refuses other methods, and too much', async () => {
    expect((await fetch(server().url)).status).toBe(405)
    const body = 'a'.repeat(70_000)
    expect((await fetch(server().url, { method: 'POST', body })).status).toBe(413)
  })

  it('compiles', async () => {
    const { folder } = await copyExample('worker')
    const compiler = createRequire(import.meta.url).resolve('typescript/package.json')
    const words = [join(dirname(compiler), 'bin/tsc'), '-p', folder]
    await promisify(execFile)(process.execPath, words)
  })
})

describe.runIf(areInstalled)('a visitor who leaves before the gateway answers', () => {
  it.each([
    ['express', '/chat', { message: TEXT }],
    ['vercel-ai', '/api/chat', { messages: [message] }],
  ])('ends the request to it: %s', async (name, path, body) => {
    const silent = createServer()
    const baseUrl = `http://localhost:${await listenOnLoopback(silent)}`
    stopAfterTest({ stop: () => silent.closeAllConnections() })
    stopAfterTest({ stop: () => silent.close() })
    const asked = once(silent, 'request')
    const env = { NOMYO_BASE_URL: baseUrl }
    const server = stopAfterTest(await startServer(await copyExample(name), env))
    const visitor = visit(server.url + path, body)
    const [, response] = (await asked) as [IncomingMessage, ServerResponse]
    visitor.destroy()
    await once(response, 'close')
    expect((await post(server.url + path, {})).status).toBe(400)
  })
})

describe.runIf(areInstalled)('an answer that ends early', () => {
  const model = shared(startScriptedModel)
  const itsGateway = shared(() =>
    startGatewayProcess({ args: ['--engine', 'openai', '--upstream', model().url] }),
  )
  const env = () => ({
    ...settings(),
    NOMYO_BASE_URL: `http://localhost:${itsGateway().port}`,
    MODEL: 'unfinished',
  })

  it.each([
    ['express', async () => startServer(await copyExample('express'), env()), '/chat'],
    ['worker', () => startWorker(env()), ''],
  ])('does not look whole: %s', async (_, start, path) => {
    const server = stopAfterTest(await start())
    const answer = post(server.url + path, { message: TEXT }).then((response) => response.text())
    await expect(answer).rejects.toThrow()
  })
})

describe.runIf(areInstalled && isInstalled('chromium'))('pages in Chromium', () => {
  const browser = shared(async () => {
    const started = await chromium.launch({ executablePath: CHROMIUM_PATH, args: ['--no-sandbox'] })
    return { newPage: () => started.newPage(), stop: () => started.close() }
  })

  /** Sends a text by the form of a page, and returns what the page and its console show then. */
  async function chat(url: string) {
    const page = await browser().newPage()
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => {
      const isIcon = message.location().url.endsWith('/favicon.ico')
      if (message.type() === 'error' && !isIcon) faults.push(message.text())
    })
    await page.goto(url)
    await page.getByLabel('Message').fill(TEXT)
    await page.getByRole('button').click()
    const output = page.locator('output', { hasText: TEXT })
    await output.waitFor({ timeout: 20_000 })
    return { text: await output.textContent(), faults }
  }

  it('browser: encrypts in the page', async () => {
    const env = { PORT: String(pagePort) }
    const server = stopAfterTest(await startServer(await copyExample('browser'), env))
    const before = answered().length
    expect(await chat(server.url)).toEqual({ text: TEXT, faults: [] })
    const [own] = await until(() => answered().length > before && answered().slice(before))
    expect(own).toMatchObject({ wire: 2, outcome: 'ok' })
  })

  // Its build takes seconds of two processors, and minutes where others use them.
  it('nextjs: shows the answer of its route', { timeout: 240_000 }, async () => {
    const example = await copyExample('nextjs')
    const env = { NEXT_TELEMETRY_DISABLED: '1' }
    const { code, stdout, stderr } = await example.run('build', env).ended
    expect(code, stdout + stderr).toBe(0)
    const server = stopAfterTest(await startServer(example, env))
    expect(await chat(server.url)).toEqual({ text: TEXT, faults: [] })
    const route = `${server.url}/api/chat`
    expect((await post(route, { message: 1 })).status).toBe(400)
    expect((await post(route, { message: 'a'.repeat(70_000) })).status).toBe(413)
  })
})
