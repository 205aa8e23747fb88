import { shared } from '@nomyo-internal/testing'
import { startGatewayProcess } from '@nomyo-internal/testing/gateway-process'
import { describe, expect, it } from 'vitest'
import { copyExample, isInstalled } from '../example.js'

const gateway = shared(() => startGatewayProcess())

/** Starts the server of an example, which asks the gateway for an echo. */
async function startServer(name: string, env: Readonly<Record<string, string>> = {}) {
  const { run } = await copyExample(name)
  const baseUrl = `http://localhost:${gateway().port}`
  const program = run('start', { PORT: '0', NOMYO_BASE_URL: baseUrl, MODEL: 'nomyo/echo', ...env })
  const url = await program.prints(/(http:\/\/localhost:\d+)/)
  return { ...program, url }
}

const post = (url: string, body: unknown): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

describe.runIf(isInstalled)('express', () => {
  const server = shared(() => startServer('express'))

  it('streams an answer', async () => {
    const response = await post(`${server().url}/chat`, { message: 'Grüße 🩺' })
    expect([response.status, await response.text()]).toEqual([200, 'Grüße 🩺'])
  })
})
