import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { listenOnLoopback, seededRandom, until } from '@nomyo-internal/testing'
import { GATEWAY_PATH, MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { expect, it, onTestFinished } from 'vitest'
import { postSealed } from '../wire-2/client.js'
import { testRelay } from './support.js'

/** Connections of a stranger; more where the variable says so. */
const CONNECTIONS = Number(process.env['NOMYO_FUZZ_INPUTS'] ?? 1500)
const PLACES = 16

/** Requests, cut, repeated, altered and followed by more, as bytes. */
function abuse(random: ReturnType<typeof seededRandom>): Buffer {
  const line = random.of([
    `POST ${GATEWAY_PATH} HTTP/1.1`,
    `POST ${GATEWAY_PATH} HTTP/1.0`,
    `POST http://127.0.0.1:1${GATEWAY_PATH} HTTP/1.1`,
    `GET ${GATEWAY_PATH} HTTP/1.1`,
    `POST ${GATEWAY_PATH}?x=%00 HTTP/1.1`,
    'CONNECT 127.0.0.1:1 HTTP/1.1',
    `PATCH ${GATEWAY_PATH} HTTP/1.1`,
  ])
  const fields = [
    'host: x',
    random.of([`content-type: ${MEDIA_TYPES.request}`, 'content-type: x', 'x: y']),
    random.of([
      'content-length: 5',
      'content-length: 1000000',
      'transfer-encoding: chunked',
      'x: y',
    ]),
    random.of([
      'content-length: 6',
      'transfer-encoding: gzip, chunked',
      'expect: 100-continue',
      'x: z',
    ]),
    random.of(['upgrade: h2c\r\nconnection: upgrade', 'connection: close', 'te: trailers', 'a: b']),
  ]
  const body = random.of([
    'hello',
    '5\r\nhello\r\n',
    '5\r\nhello\r\n0\r\n\r\n',
    'ffffffffff\r\n',
    '',
  ])
  const bytes = Buffer.from(
    `${line}\r\n${fields.join('\r\n')}\r\n\r\n${body}`.repeat(random.of([1, 1, 3])),
  )
  if (random.below(4) === 0 && bytes.length > 0) {
    bytes[random.below(bytes.length)] = random.below(256)
  }
  return random.below(3) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes
}

it('a stranger who sends anything leaves the relay as it was', async () => {
  const held: ServerResponse[] = []
  const methods = new Set<string>()
  let isHeld = false
  let open = 0
  const server = createServer((request, response) => {
    open++
    response.on('close', () => open--)
    methods.add(`${String(request.method)} ${String(request.url)}`)
    request.on('error', () => undefined).resume()
    if (isHeld) held.push(response)
    else request.on('end', () => response.end('x'))
  })
  const target = `http://127.0.0.1:${await listenOnLoopback(server)}`
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const relay = await testRelay(target, { maxRequests: PLACES, maxRequestsPerAddress: PLACES })
  const port = Number(new URL(relay.url).port)
  const random = seededRandom(4)
  const hurl = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined).resume()
    socket.write(abuse(random))
    if (random.below(2) === 0) socket.end()
    const timer = setTimeout(() => socket.destroy(), 20 + random.below(60))
    await once(socket, 'close')
    clearTimeout(timer)
  }
  for (let count = 0; count < CONNECTIONS; count += 50)
    await Promise.all(Array.from({ length: 50 }, hurl))
  // Nothing but the one request of a relay has left it.
  expect([...methods]).toEqual([`POST ${GATEWAY_PATH}`])
  expect(relay.log()).not.toContain('request failed')
  await until(() => open === 0)
  // All places are free again, and no more of them than before.
  isHeld = true
  let refused = 0
  const asked = Array.from({ length: PLACES + 4 }, async () => {
    const { status } = await postSealed(relay, new Uint8Array(4))
    if (status === 429) refused++
    return status
  })
  await until(() => refused === 4)
  isHeld = false
  for (const response of held) response.end('x')
  const statuses = (await Promise.all(asked)).sort()
  expect(statuses).toEqual([...Array<number>(PLACES).fill(200), ...Array<number>(4).fill(429)])
}, 30_000)
