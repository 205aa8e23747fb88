import { buffer } from 'node:stream/consumers'
import { completionOf, startServer, stopAfterTest } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import {
  ask,
  caller,
  complete,
  newGateway,
  runProxy,
  testProxy,
  useModel,
  argsFor,
} from './support.js'

const model = useModel()

/** Starts a relay for one test, which records the requests that it passes on. */
async function testRelay(gateway: string) {
  const seen: string[] = []
  const { url } = stopAfterTest(
    await startServer((request, response) => {
      seen.push(`${String(request.method)} ${String(request.url)}`)
      void buffer(request).then(async (body) => {
        const answer = await fetch(gateway + String(request.url), {
          method: 'POST',
          headers: { 'content-type': request.headers['content-type'] ?? '' },
          body: new Uint8Array(body),
        })
        response.writeHead(answer.status, {
          'content-type': answer.headers.get('content-type') ?? '',
        })
        response.end(new Uint8Array(await answer.arrayBuffer()))
      })
    }),
  )
  return { url, seen }
}

describe('with --relay, the proxy', () => {
  it('sends all requests of its callers through the relay', async () => {
    const gateway = stopAfterTest(await newGateway(model.engine()))
    const relay = await testRelay(gateway.url)
    const proxy = await testProxy(gateway.url, ['--relay', relay.url])
    model.complete = (response) => response.end(completionOf({ content: 'Hi' }))
    expect((await complete(proxy)).status).toBe(200)
    const models = await ask(`${proxy.url}/v1/models`, { headers: caller() })
    expect(models.status).toBe(200)
    expect(relay.seen).toEqual(Array(2).fill('POST /.well-known/ohttp-gateway'))
  })

  it('never falls back to a gateway without wire 2', async () => {
    const gateway = stopAfterTest(await newGateway({ requestKeys: { place: 'off' } }))
    const relay = await testRelay(gateway.url)
    const { code, stderr } = await runProxy([...argsFor(gateway.url), '--relay', relay.url])
    expect(code).not.toBe(0)
    expect(stderr).toContain('ERR_WIRE_DOWNGRADE')
    expect(relay.seen).toEqual([])
  })

  it.each([
    [['--relay', 'canary']],
    [['--relay', 'https://user:canary@relay.example']],
    [['--relay', 'https://relay.example', '--wire', '1']],
  ])('refuses %j', async (args) => {
    const { code, stderr } = await runProxy([...argsFor('http://127.0.0.1:1'), ...args])
    expect(code).not.toBe(0)
    expect(stderr).not.toMatch(/canary|^\s+at /m)
    expect(stderr).toContain('relay')
  })
})
