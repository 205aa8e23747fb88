import { expect, it } from 'vitest'
import { testReceiver } from './otlp/receiver.js'
import { expectEcho, testGatewayProcess } from './support.js'

it.each([
  ['hangs', true],
  ['is away', false],
])(
  'a receiver of traces that %s delays neither answers nor the end for long',
  async (_, listens) => {
    const receiver = await testReceiver()
    receiver.answer = () => undefined
    const url = listens ? receiver.url : 'http://127.0.0.1:1'
    const gateway = await testGatewayProcess({ args: ['--engine', 'demo', '--otlp-endpoint', url] })
    const startedAt = performance.now()
    for (let n = 0; n < 20; n++) await expectEcho(gateway, 'Hello!')
    const answeredAt = performance.now()
    const { ended } = gateway
    gateway.kill('SIGTERM')
    expect((await ended).code).toBe(0)
    // The exporter itself waits for 10 seconds, and tries again.
    expect(answeredAt - startedAt).toBeLessThan(10_000)
    expect(performance.now() - answeredAt).toBeLessThan(8000)
  },
)

it('sends what is left when it is stopped', async () => {
  const receiver = await testReceiver()
  const args = ['--engine', 'demo', '--otlp-endpoint', receiver.url]
  const gateway = await testGatewayProcess({ args })
  await expectEcho(gateway, 'Hello!')
  const { ended } = gateway
  gateway.kill('SIGTERM')
  await ended
  expect(receiver.spans.map(({ kind }) => kind)).toContain(2)
})
