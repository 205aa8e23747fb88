import { once } from 'node:events'
import { createServer, connect, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import {
  completionOf,
  runGateway,
  startChatModel,
  startGatewayProcess,
  stopAfterTest,
  until,
} from '@nomyo-internal/testing'
import { SecureChatCompletion } from '@nomyo/client'
import { createUndiciFetch } from '@nomyo/transport/undici'
import { Agent } from 'undici'
import { expect, it, onTestFinished } from 'vitest'

/** The four parties, each with an address of its own. */
const [MODEL, RELAY, GATEWAY, CLIENT] = [
  '127.0.0.1',
  '127.0.0.2',
  '127.0.0.3',
  '127.0.0.4',
] as const
const KEY = 'canary-of-the-api-key'
const PROMPT = 'canary-of-the-prompt'
const ANSWER = 'canary-of-the-answer'

/** View of an observer at the door of a party: addresses that connect, and all bytes of both directions. */
interface View {
  readonly port: number
  readonly from: Set<string>
  text: string
}

/**
 * Observes a party: listens at its address, and connects to it from the address of the one that connects, so that
 * neither notices.
 */
async function observe(host: string, port: number): Promise<View> {
  const view = { port: 0, from: new Set<string>(), text: '' }
  const sockets: Socket[] = []
  const server = createServer((near) => {
    const localAddress = near.remoteAddress ?? ''
    view.from.add(localAddress)
    const far = connect({ host, port, localAddress })
    sockets.push(near, far)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('data', (part: Buffer) => (view.text += part.toString('latin1')))
      one.on('error', () => undefined).on('close', () => void other.destroy())
      one.pipe(other)
    }
  })
  server.listen(0, host)
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return Object.assign(view, { port: (server.address() as AddressInfo).port })
}

it('lets the relay see the client and no content, and the gateway the content and no client', async () => {
  const model = stopAfterTest(
    await startChatModel((response) => response.end(completionOf({ content: ANSWER }))),
  )
  const seenByModel = await observe(MODEL, Number(new URL(model.url).port))
  const gateway = stopAfterTest(
    await startGatewayProcess({
      args: [
        ...['--host', GATEWAY, '--upstream', `http://${MODEL}:${seenByModel.port}/v1`],
        ...['--health-interval', '3600', '--known-relay', RELAY, '--log-format', 'json'],
      ],
      env: { NOMYO_API_KEY: KEY },
    }),
  )
  const seenByGateway = await observe(GATEWAY, gateway.port)
  const relay = runGateway([
    ...['relay', '--for', `http://${GATEWAY}:${seenByGateway.port}`, '--log-format', 'json'],
    ...['--host', RELAY, '--port', '0', '--source-address', RELAY],
  ])
  stopAfterTest(relay)
  const relayUrl = await relay.prints(/^listening on (\S+)$/m)
  const seenByRelay = await observe(RELAY, Number(new URL(relayUrl).port))

  const connections = createUndiciFetch({ dispatcher: new Agent({ localAddress: CLIENT }) })
  const client = new SecureChatCompletion({
    baseUrl: `http://${GATEWAY}:${seenByGateway.port}`,
    relayUrl: `http://${RELAY}:${seenByRelay.port}`,
    allowHttp: true,
    apiKey: KEY,
    logger: { warn: () => undefined },
    fetch: connections.fetch,
  })
  onTestFinished(() => client.dispose())
  // The keys come from the gateway directly; from then on it must not see the client.
  await client.chooseWire()
  expect([...seenByGateway.from]).toEqual([CLIENT])
  expect(seenByGateway.text).toContain('GET /pki/wire2 ')
  expect(seenByGateway.text).not.toContain(KEY)
  seenByGateway.from.clear()
  seenByGateway.text = ''
  const completion = await client.create({
    model: 'm',
    messages: [{ role: 'user', content: PROMPT }],
  })
  expect(completion.choices[0].message.content).toBe(ANSWER)

  // The relay: the client and sizes, no path, model, key or text, nor the gateway's name in what it is sent.
  expect([...seenByRelay.from]).toEqual([CLIENT])
  expect(seenByRelay.text).toContain('POST /.well-known/ohttp-gateway ')
  expect(seenByRelay.text).not.toMatch(/canary|\/v1\/|chat|model|127\.0\.0\.[134]|authorization/i)

  // The network before the gateway, and its own log: the relay alone; inside, the key and the text.
  expect([...seenByGateway.from]).toEqual([RELAY])
  expect(seenByGateway.text).toContain('POST /.well-known/ohttp-gateway ')
  expect(seenByGateway.text).not.toMatch(/canary|\/v1\/|127\.0\.0\.4/i)
  await until(() => gateway.output().includes('"wire":2'))
  const lines = gateway
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const exchanges = lines.filter(({ wire }) => wire === 2)
  expect(exchanges).toHaveLength(1)
  expect(exchanges[0]).toMatchObject({ address: RELAY, status: 200 })
  // A relay does not hide the account.
  expect(exchanges[0]?.['key']).toBeTypeOf('string')
  const direct = lines.filter(({ address }) => address === CLIENT).map(({ route }) => route)
  expect(direct).toEqual(['/pki/wire2'])

  // The model server: the text, and neither the client, nor the relay, nor the key.
  expect([...seenByModel.from]).toEqual([MODEL])
  expect(seenByModel.text).toContain(PROMPT)
  expect(seenByModel.text).not.toMatch(/canary-of-the-api-key|127\.0\.0\.[24]/)

  // The log of the relay names none of its clients.
  await delay(50)
  expect(relay.output()).toContain('"route"')
  expect(relay.output()).not.toContain(CLIENT)
}, 30_000)
