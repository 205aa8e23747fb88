import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isInstalled, makeCa, temporaryFolder } from '@nomyo-internal/testing'
import {
  answerOf,
  chat,
  clientHeaders,
  COMPLETIONS,
  contentOf,
  failureOf,
  rawExchange,
  runCommand,
  seal,
  testGateway,
  testGatewayProcess,
  type Answer,
  type TestGateway,
} from './support.js'

const folder = temporaryFolder()
const certificates = isInstalled('openssl')
  ? ['a.example', 'b.example'].map((name) => makeCa(folder, name))
  : []

interface TlsAnswer extends Answer {
  readonly commonName: string
}

async function ask(
  gateway: { readonly url: string },
  path: string,
  { body, agent = false }: { body?: Uint8Array; agent?: Agent | false } = {},
): Promise<TlsAnswer> {
  const request = httpsRequest(gateway.url + path, {
    agent,
    rejectUnauthorized: false,
    ...(body === undefined ? {} : { method: 'POST', headers: clientHeaders() }),
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const commonName = (response.socket as unknown as TLSSocket).getPeerCertificate().subject.CN
  return { ...(await answerOf(response)), commonName: String(commonName) }
}

describe.skipIf(certificates.length === 0)('HTTPS', () => {
  const [first, second] = certificates
  if (first === undefined || second === undefined) return

  /** A gateway with the first certificate, in files the test may change. */
  async function start<G extends { readonly url: string } = TestGateway>(
    startWith: (options: { args: string[] }) => Promise<G> = testGateway as never,
  ): Promise<{ gateway: G; cert: string; key: string }> {
    const own = await mkdtemp(join(folder, 'served-'))
    const [cert, key] = [join(own, 'tls.crt'), join(own, 'tls.key')]
    await copyFile(first?.cert ?? '', cert)
    await copyFile(first?.key ?? '', key)
    const gateway = await startWith({
      args: ['--engine', 'demo', '--tls-cert', cert, '--tls-key', key],
    })
    return { gateway, cert, key }
  }

  it('serves sealed requests, and nothing in plaintext', async () => {
    const { gateway } = await start()
    expect(gateway.url).toMatch(/^https:/)
    const answer = await ask(gateway, COMPLETIONS, { body: await seal(chat('over TLS')) })
    expect(await contentOf(answer)).toBe('over TLS')
    expect(await rawExchange(gateway.port, 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n')).not.toMatch(
      /200/,
    )
    expect((await ask(gateway, '/health')).status).toBe(200)
  })

  it('takes up a new certificate on a reload, and keeps the one it has if that is broken', async () => {
    const { gateway, cert, key } = await start()
    expect((await ask(gateway, '/health')).commonName).toBe('a.example')
    // A certificate without its key, as in the midst of a renewal.
    await copyFile(second.cert, cert)
    await gateway.reload()
    await expect.poll(() => gateway.log()).toContain('"code":"ERR_TLS_FILES"')
    expect((await ask(gateway, '/health')).commonName).toBe('a.example')
    await copyFile(second.key, key)
    await gateway.reload()
    await expect.poll(async () => (await ask(gateway, '/health')).commonName).toBe('b.example')
    expect(gateway.log()).not.toContain('PRIVATE')
  })

  it.each([
    ['no handshake', undefined],
    ['half a handshake', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])],
    ['no handshake at all', Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')],
  ])('frees the connections of callers that keep their side open: %s', async (_what, bytes) => {
    const limits = { maxConnections: 3, maxConnectionsPerAddress: 3, requestTimeoutMs: 300 }
    const { gateway } = await start((options) =>
      testGateway({ ...options, config: { load: limits } }),
    )
    for (let count = 0; count < 3; count++) {
      const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true })
      onTestFinished(() => void socket.destroy())
      socket.on('error', () => undefined).resume()
      await once(socket, 'connect')
      if (bytes !== undefined) socket.write(bytes)
    }
    await expect
      .poll(() => ask(gateway, '/health').catch(() => undefined), { timeout: 10_000 })
      .toMatchObject({ status: 200 })
  })

  it('ends while a connection is kept alive', async () => {
    const { gateway } = await start(testGatewayProcess)
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    expect((await ask(gateway, '/health', { agent })).status).toBe(200)
    gateway.kill('SIGTERM')
    expect((await gateway.ended).code).toBe(0)
  })

  it('does not start with files that are missing or do not fit', async () => {
    const noKey = join(folder, 'empty')
    await writeFile(noKey, '')
    for (const key of [join(folder, 'none'), noKey, second.key]) {
      const args = ['--engine', 'demo', '--port', '0', '--tls-cert', first.cert, '--tls-key', key]
      const ended = await runCommand(args)
      expect(failureOf(ended)).toContain('(ERR_TLS_FILES)')
      expect(ended.stderr).not.toContain(String(await readFile(second.key)).split('\n')[1])
    }
  })
})
