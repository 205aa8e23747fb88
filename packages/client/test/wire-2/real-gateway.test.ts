import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  expectCode,
  freePort,
  listenOnLoopback,
  makeKeyDir,
  runGateway,
  temporaryFolder,
} from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { newClient } from '../sealed-exchange/support.js'
import { testKey } from '../support.js'
// Not a dependency: the gateway depends on this client, by way of its page.
import { createGateway, type GatewayConfig } from '../../../../apps/gateway/dist/index.js'

const hello = { model: 'nomyo/echo', messages: [{ role: 'user' as const, content: 'Hello!' }] }

/** Starts gateways at one address with one folder of keys, one after the other. */
async function startReal() {
  const keys = { 'private_key.pem': 'server', 'public_key.pem': 'server.public.pem' }
  const keyDir = makeKeyDir(keys, temporaryFolder())
  const port = await freePort()
  let stop = (): Promise<void> => Promise.resolve()
  const restart = async (change: Partial<GatewayConfig> = {}) => {
    await stop()
    const gateway = await createGateway({
      host: '127.0.0.1',
      port,
      engine: { kind: 'demo' },
      keyDir,
      maxBodyBytes: 2 ** 20,
      logLevel: 'silent',
      ...change,
    })
    stop = () => gateway.close()
    return gateway
  }
  onTestFinished(() => stop())
  return { keyDir, restart, gateway: await restart() }
}

/** Forwards everything to a gateway but its statement, which it denies. */
async function startStripper(target: string): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (request.url?.startsWith('/pki/wire2') === true) {
        response.writeHead(404).end()
        return
      }
      const { method = 'GET', headers, url = '' } = request
      const names = ['content-type', 'x-payload-id', 'x-public-key']
      const passed = names.flatMap((name) =>
        name in headers ? [[name, String(headers[name])]] : [],
      )
      void fetch(target + url, {
        method,
        headers: Object.fromEntries(passed) as Record<string, string>,
        ...(method === 'POST' ? { body: Buffer.concat(chunks) } : {}),
      }).then(async (answer) => {
        response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()))
      })
    })
  })
  const port = await listenOnLoopback(server)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${String(port)}`
}

describe('with the real gateway, a client', () => {
  it('uses wire 2, knows it after a restart, and refuses it without wire 2', async () => {
    const { gateway, restart } = await startReal()
    const knownServers = join(temporaryFolder(), 'known_servers')
    const completion = await newClient(gateway, { knownServers }).create(hello)
    expect(completion._metadata).toMatchObject({ wire: { version: 2 } })
    expect(
      readFileSync(knownServers, 'utf8')
        .split('\n')
        .map((line) => line.split(' ')[1]),
    ).toEqual([gateway.identity, gateway.fingerprint, undefined])
    await restart()
    const client = newClient(gateway, { knownServers })
    expect(await client.chooseWire()).toMatchObject({ wire: 2, reason: 'known' })
    await restart({ requestKeys: { place: 'off' } })
    await expectCode(newClient(gateway, { knownServers }).create(hello), 'ERR_WIRE_DOWNGRADE')
    const other = await newClient(gateway, { wire: 1 }).create(hello)
    expect(other.choices[0].message.content).toContain('Hello!')
  })

  it('gets new request keys from a gateway that was restarted, within the same call', async () => {
    const { gateway, restart } = await startReal()
    const client = newClient(gateway, { serverKeyPins: [String(gateway.identity)] })
    const before = await client.create(hello)
    await restart()
    const after = await client.create(hello)
    expect(after._metadata.wire?.statement_sha256).not.toBe(before._metadata.wire?.statement_sha256)
  })

  it('takes the word of a pinned RSA key for the identity, and of no other', async () => {
    const { gateway } = await startReal()
    const options = { serverKeyPins: [gateway.fingerprint] }
    expect(await newClient(gateway, options).chooseWire()).toMatchObject({
      wire: 2,
      reason: 'vouched',
      fingerprint: gateway.identity,
    })
    const { fingerprint } = (await testKey('other')).publicKey
    const other = newClient(gateway, { serverKeyPins: [fingerprint] })
    await expectCode(other.create(hello), 'ERR_KEY_MISMATCH')
  })

  it('follows the identity when it is rotated', async () => {
    const { gateway, keyDir, restart } = await startReal()
    const knownServers = join(temporaryFolder(), 'known_servers')
    await newClient(gateway, { knownServers }).create(hello)
    const rotation = await runGateway(['rotate', '--identity', '--key-dir', keyDir]).ended
    expect(rotation).toMatchObject({ code: 0 })
    const rotated = await restart()
    expect(rotated.identity).not.toBe(gateway.identity)
    const client = newClient(gateway, { knownServers })
    expect(await client.chooseWire()).toMatchObject({ reason: 'known' })
    expect(readFileSync(knownServers, 'utf8')).toContain(String(rotated.identity))
  })

  it('finds out at the first answer that wire 2 was denied on the network path', async () => {
    const { gateway } = await startReal()
    const url = await startStripper(gateway.url)
    const client = newClient({ url })
    await expectCode(client.create(hello), 'ERR_WIRE_DOWNGRADE')
    await expectCode(client.create(hello), 'ERR_WIRE_DOWNGRADE')
  })

  it('of wire 1 is refused by a gateway that requires wire 2', async () => {
    const { gateway, restart } = await startReal()
    await restart({ minWire: '2' })
    const refused = newClient(gateway, { wire: 1 }).create(hello)
    await expect(refused).rejects.toMatchObject({ statusCode: 426 })
    const completion = await newClient(gateway).create(hello)
    expect(completion._metadata).toMatchObject({ wire: { version: 2 } })
  })
})
