import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { GATEWAY_PATH, MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { describe, expect, it, onTestFinished } from 'vitest'
import { KnownRelays } from '../../src/access/known-relays.js'
import { fileGateway, readConfig, runCommand, type TestGateway } from '../support.js'
import { keyConfigOf, openInner, sealMessage } from '../wire-2/client.js'

const DEMO = ['--engine', 'demo']
const KEY = 'a-key-of-more-than-16-characters'
const RELAY = '127.0.0.7'

/** Sends an encrypted request from an address of loopback, and returns the status, inside where it is encrypted. */
async function askFrom(address: string, gateway: TestGateway): Promise<number> {
  const sealed = await sealMessage(await keyConfigOf(gateway))
  const request = httpRequest({
    ...{ host: '127.0.0.1', port: gateway.port, path: GATEWAY_PATH, method: 'POST' },
    localAddress: address,
    headers: { 'content-type': MEDIA_TYPES.request },
  })
  request.end(sealed.body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const bytes = new Uint8Array(await buffer(response))
  const status = response.statusCode ?? 0
  if (status !== 200) return status
  const headers = new Headers({ 'content-type': MEDIA_TYPES.answer })
  return (await openInner({ status, headers, bytes }, sealed.openAnswer())).status
}

const connectFrom = async (address: string, { port }: TestGateway): Promise<Socket> => {
  const socket = connect({ port, host: '127.0.0.1', localAddress: address })
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

it('knows the addresses of relays in every form of them', () => {
  const relays = new KnownRelays(['192.0.2.1', '198.51.100.0/24', '2001:db8::1', '2001:db8:1::/48'])
  for (const address of [
    '192.0.2.1',
    '::ffff:192.0.2.1',
    '198.51.100.200',
    '2001:db8:0:0::1',
    '2001:db8:1:2::3',
  ]) {
    expect(relays.has(address)).toBe(true)
  }
  for (const address of ['192.0.2.2', '198.51.101.1', '2001:db8::2', '::1', 'x', '', undefined]) {
    expect(relays.has(address)).toBe(false)
  }
  expect(new KnownRelays().has('192.0.2.1')).toBe(false)
})

it.each(['loopback', '192.0.2.1/0', '192.0.2', 'relay.example', '192.0.2.1,'])(
  'takes no other names for them: %s',
  async (text) => {
    const { code } = await runCommand([...DEMO, '--known-relay', text])
    expect(code).toBe(2)
  },
)

it('takes several, and prints them as a config file has them', async () => {
  const args = [...DEMO, '--known-relay', '192.0.2.1,192.0.2.2', '--known-relay', '10.0.0.0/8']
  expect(readConfig(args).knownRelays).toEqual(['192.0.2.1', '192.0.2.2', '10.0.0.0/8'])
  const { stdout } = await runCommand([...args, '--print-config'])
  expect(stdout).toContain('knownRelay:\n  - 192.0.2.1\n  - 192.0.2.2\n  - 10.0.0.0/8\n')
})

describe('an open gateway', async () => {
  const gateway = await fileGateway({
    args: [...DEMO, '--rate-limit=1/s', '--rate-burst=1', `--known-relay=${RELAY}`],
  })

  it('leaves the rate of the clients of a relay to the relay', async () => {
    for (let count = 0; count < 3; count++) expect(await askFrom(RELAY, gateway)).toBe(200)
    expect(await askFrom('127.0.0.8', gateway)).toBe(200)
    expect(await askFrom('127.0.0.8', gateway)).toBe(429)
  })
})

describe('a gateway with API keys', async () => {
  const gateway = await fileGateway({
    args: [
      ...[...DEMO, '--api-key', KEY, `--known-relay=${RELAY}`],
      ...['--max-requests=3', '--max-connections-per-address=2'],
    ],
  })

  it('limits the connections of every address but that of a relay', async () => {
    const far = await Promise.all([1, 2, 3].map(() => connectFrom('127.0.0.8', gateway)))
    await Promise.race(far.map((socket) => once(socket, 'close')))
    const relayed = await Promise.all([1, 2, 3].map(() => connectFrom(RELAY, gateway)))
    for (const socket of relayed) {
      socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n')
      const [answer] = (await once(socket, 'data')) as [Buffer]
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /)
    }
  })

  it('counts each request of a relay for itself while its caller is unknown', async () => {
    const head = `POST ${GATEWAY_PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: ${MEDIA_TYPES.request}\r\ncontent-length: 2000\r\n\r\nx`
    const begin = async (address: string): Promise<Socket> => {
      const socket = await connectFrom(address, gateway)
      socket.write(head)
      await expect.poll(() => socket.bytesWritten).toBe(head.length)
      // Requests reach the gateway in this order.
      await keyConfigOf(gateway)
      return socket
    }
    const direct = await begin('127.0.0.9')
    const relayed = [await begin(RELAY), await begin(RELAY)]
    const closed = [direct, ...relayed].map((socket) => once(socket, 'data').then(() => socket))
    await begin('127.0.0.10')
    // The oldest of all gives way, not the oldest of the address with the most.
    expect(await Promise.race(closed)).toBe(direct)
    for (const promise of closed) promise.catch(() => undefined)
  })
})
