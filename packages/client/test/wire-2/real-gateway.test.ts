import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { join } from 'node:path'
import {
  completionOf,
  expectCode,
  freePort,
  listenOnLoopback,
  makeKeyDir,
  runGateway,
  startChatModel,
  stopAfterTest,
  temporaryFolder,
  until,
} from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
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

/** Forwards connections to a gateway, and can lose the one of a client while it keeps that to the gateway. */
async function startLosingPath(target: string) {
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket }>()
  const server = createTcpServer((near) => {
    const far = connect(Number(new URL(target).port), '127.0.0.1')
    const pair = { near, far }
    pairs.add(pair)
    near.pipe(far, { end: false })
    far.pipe(near)
    near.on('error', () => undefined)
    far.on('error', () => undefined).on('close', () => pairs.delete(pair))
  })
  const port = await listenOnLoopback(server)
  onTestFinished(() => {
    for (const { near, far } of pairs) [near, far].forEach((socket) => socket.destroy())
    server.close()
  })
  let received = 0
  const lose = (): void => {
    for (const { near, far } of pairs) {
      near.destroy()
      far
        .unpipe()
        .on('data', (part: Buffer) => (received += part.length))
        .resume()
    }
  }
  return { url: `http://127.0.0.1:${String(port)}`, lose, isIdle: () => received > 0 }
}

/** Forwards everything to a gateway, and answers with an old statement in place of its own. */
async function startReplayer(target: string, statement: Buffer) {
  const seen: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      seen.push(`${method} ${url}`)
      if (url === '/pki/wire2') {
        response.writeHead(200, { 'content-type': 'application/json' }).end(statement)
        return
      }
      void fetch(target + url, {
        method,
        headers: { 'content-type': headers['content-type'] ?? 'text/plain' },
        ...(method === 'POST' ? { body: Buffer.concat(chunks) } : {}),
      }).then(async (answer) => {
        response
          .writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
          .end(Buffer.from(await answer.arrayBuffer()))
      })
    })
  })
  const port = await listenOnLoopback(server)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${String(port)}`, seen }
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

  it('is refused a second answer while the first attempt is at work, and the model is asked once', async () => {
    const { restart } = await startReal()
    const asked: string[] = []
    let answer = (): void => undefined
    const model = stopAfterTest(
      await startChatModel((response, { body }) => {
        asked.push(body)
        answer = () => response.end(completionOf({ content: 'Hi' }))
      }),
    )
    const engine = { kind: 'openai' as const, baseUrl: model.url, apiKey: undefined }
    const gateway = await restart({ engine })
    const path = await startLosingPath(gateway.url)
    const client = newClient({ url: path.url }, { maxRetries: 1 })
    await client.chooseWire()
    const outcome = client.create({ ...hello, model: 'm' }).catch((error: unknown) => error)
    await until(() => asked.length === 1)
    // The client notices; the gateway does not, as behind a proxy that goes on alone.
    path.lose()
    expect(await outcome).toMatchObject({
      statusCode: 409,
      authenticated: true,
      retryAfterMs: 5000,
    })
    answer()
    await until(() => path.isIdle())
    expect(asked).toHaveLength(1)
    // The key of the call is free again once its work is over; another call has a key of its own.
    const next = client.create({ ...hello, model: 'm' })
    await until(() => asked.length === 2)
    answer()
    expect((await next).choices[0].message.content).toBe('Hi')
  })

  it('encrypts to no key of a replayed statement that the gateway no longer has', async () => {
    const { gateway, restart } = await startReal()
    const old = Buffer.from(await (await fetch(`${gateway.url}/pki/wire2`)).arrayBuffer())
    await restart()
    const path = await startReplayer(gateway.url, old)
    const client = newClient({ url: path.url }, { serverKeyPins: [String(gateway.identity)] })
    const error = await client.create(hello).catch((reason: unknown) => reason)
    // Refused without a word of the gateway that could be trusted; never wire 1 in its place.
    expect(error).toMatchObject({ statusCode: 400, authenticated: false })
    expect(path.seen).toEqual([
      'GET /pki/wire2',
      'POST /.well-known/ohttp-gateway',
      'GET /pki/wire2',
    ])
  })

  it('uses a replayed statement for no longer than its life', async () => {
    const { gateway } = await startReal()
    const old = Buffer.from(await (await fetch(`${gateway.url}/pki/wire2`)).arrayBuffer())
    const path = await startReplayer(gateway.url, old)
    const options = { serverKeyPins: [String(gateway.identity)] }
    expect((await newClient({ url: path.url }, options).create(hello)).object).toBe(
      'chat.completion',
    )
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 60 * 60 * 1000 })
    onTestFinished(() => void vi.useRealTimers())
    const later = newClient({ url: path.url }, options).create(hello)
    await expectCode(later, 'ERR_STATEMENT_EXPIRED')
    expect(path.seen.filter((one) => one.startsWith('POST'))).toHaveLength(1)
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
