import { describe, expect, it } from 'vitest'
import { chat, complete, get, post, seal, testGateway } from './support.js'
import { metric, metricsUrl } from './measure.js'

describe('metrics', () => {
  it('have a listener only when enabled, and never that of the gateway', async () => {
    const plain = await testGateway()
    expect(plain.log()).not.toContain('metrics on')
    const gateway = await testGateway({ args: ['--engine', 'demo', '--metrics-port', '0'] })
    for (const one of [plain, gateway]) expect((await get(one, '/metrics')).status).toBe(404)
  })

  it('count requests, decryptions and steps, without data of a request', async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--metrics-port', '0'] })
    await complete(gateway, chat('canary-text', { model: 'canary-model' }), {
      'x-payload-id': 'canary-id',
      authorization: 'Bearer canary-key',
    })
    expect((await post(gateway, await seal('not an object'))).status).toBe(400)
    expect((await post(gateway, 'canary-garbage')).status).toBe(400)
    expect((await get(gateway, '/canary-path')).status).toBe(404)
    const route = 'route="/v1/chat/secure_completion"'
    expect(await metric(gateway, `nomyo_requests_total{${route},status="200"}`)).toBe(1)
    expect(await metric(gateway, `nomyo_requests_total{${route},status="400"}`)).toBe(2)
    expect(await metric(gateway, 'nomyo_requests_total{route="none",status="404"}')).toBe(1)
    expect(await metric(gateway, 'nomyo_decryptions_total{result="decrypted"}')).toBe(2)
    expect(await metric(gateway, 'nomyo_decryptions_total{result="ERR_ENVELOPE_INVALID"}')).toBe(1)
    for (const [step, times] of [
      ['decrypt', 3],
      ['upstream', 1],
      ['encrypt', 1],
    ] as const) {
      const name = `nomyo_step_duration_seconds_count{step="${step}"}`
      expect(await metric(gateway, name), step).toBe(times)
    }
    expect(await metric(gateway, 'nomyo_requests_in_flight')).toBe(0)
    const text = await (await fetch(metricsUrl(gateway))).text()
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds')
    expect(text).not.toContain('canary')
    expect((await fetch(new URL('/', metricsUrl(gateway)))).status).toBe(404)
  })
})
