import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import {
  chat,
  clientLines,
  complete,
  COMPLETIONS,
  expectAlive,
  fileGateway,
  httpLines,
  parseRawAnswer,
  seal,
  send,
  testGateway,
  testSocket,
} from './support.js'

const REQUEST_TIMEOUT_MS = 3000
/** Node looks every second; the rest is for a busy machine. */
const LONGEST_MS = REQUEST_TIMEOUT_MS + 1000 + 4000

const gateway = await fileGateway({
  args: ['--engine', 'demo', '--request-timeout', `${REQUEST_TIMEOUT_MS / 1000}s`],
})

interface Ending {
  readonly text: string
  readonly afterMs: number
}

/** Says this at once and the rest one byte at a time, until the gateway ends the connection. */
async function drip(head: string, rest: string): Promise<Ending> {
  const startedAt = performance.now()
  const socket = await testSocket(gateway.port, { text: head })
  let text = ''
  socket.setEncoding('latin1').on('data', (part: string) => (text += part))
  let at = 0
  const timer = setInterval(() => {
    const byte = rest.length === 0 ? '' : rest[at++ % rest.length]
    if (byte !== undefined && byte !== '' && socket.writable) socket.write(byte)
  }, 100)
  await new Promise((resolve) => socket.on('end', resolve).on('close', resolve))
  clearInterval(timer)
  socket.destroy()
  return { text, afterMs: performance.now() - startedAt }
}

describe('a caller that takes its time', () => {
  const postHead = httpLines(`POST ${COMPLETIONS} HTTP/1.1`, 'host: x') + clientLines()
  const slow: Readonly<Record<string, readonly [head: string, rest: string]>> = {
    'says nothing': ['', ''],
    'sends half its headers': [httpLines('GET /health HTTP/1.1', 'host: x'), ''],
    'sends headers byte by byte': [httpLines('GET /health HTTP/1.1', 'host: x'), 'x-a: b\r\n'],
    'sends a request line byte by byte': ['', `GET /${'a'.repeat(1000)}`],
    'sends no body': [`${postHead}content-length: 5000\r\n\r\n`, ''],
    'sends its body byte by byte': [`${postHead}content-length: 5000\r\n\r\n`, '{'],
    'sends chunks without end': [`${postHead}transfer-encoding: chunked\r\n\r\n`, '1\r\nx\r\n'],
    'sends a chunk extension without end': [`${postHead}transfer-encoding: chunked\r\n\r\n1;`, 'a'],
    'sends trailers without end': [
      `${postHead}transfer-encoding: chunked\r\n\r\n0\r\n`,
      'x-a: b\r\n',
    ],
  }

  it('is ended in time, and others are served meanwhile', { timeout: 60_000 }, async () => {
    const endings = Promise.all(
      Object.entries(slow).map(async ([what, [head, rest]]) => ({
        what,
        ...(await drip(head, rest)),
      })),
    )
    for (let count = 0; count < 5; count++) await complete(gateway, chat(`${count}`))
    for (const { what, text, afterMs } of await endings) {
      expect({ what, status: parseRawAnswer(text).status }).toEqual({ what, status: 408 })
      expect(afterMs, what).toBeLessThan(LONGEST_MS)
    }
    await expectAlive(gateway)
  })

  it('may need longer than that for several requests on one connection', async () => {
    const socket = await testSocket(gateway.port)
    const request = httpLines('GET /health HTTP/1.1', 'host: x', '')
    for (let count = 0; count < 3; count++) {
      socket.write(request)
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /)
      await new Promise((resolve) => setTimeout(resolve, REQUEST_TIMEOUT_MS / 2))
    }
  })

  it('and does not take its answer is ended, and no longer counts', async () => {
    const target = await testGateway({
      args: ['--engine', 'demo', '--max-requests=1', '--request-timeout=2s', '--max-body=64MiB'],
    })
    // More than the kernel takes for a caller that does not read.
    const body = await seal(chat('x'.repeat(15_000_000)))
    const socket = await testSocket(target.port)
    const head = httpLines(`POST ${COMPLETIONS} HTTP/1.1`, 'host: x') + clientLines()
    socket.write(`${head}content-length: ${body.length}\r\n\r\n`)
    socket.write(body)
    const status = async (): Promise<number> => (await send(target, chat('x'))).status
    await expect.poll(status, { timeout: 10_000 }).toBe(503)
    await expect.poll(status, { timeout: 20_000 }).toBe(200)
  })
})
