import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  chat,
  clientHeaders,
  completionOf,
  rawExchange,
  runGateway,
  seal,
  testGateway,
  type Answer,
  type GatewayProcess,
} from './support.js'

const folder = await mkdtemp(join(tmpdir(), 'nomyo-tls-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
const certificates = hasOpenssl() ? ['a', 'b'].map(makeCertificate) : []

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function makeCertificate(name: string): { cert: string; key: string } {
  const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const where = ['-keyout', files.key, '-out', files.cert, '-subj', `/CN=${name}.example`]
  execFileSync('openssl', ['req', '-x509', ...kind, ...where], { stdio: 'ignore' })
  return files
}

interface TlsAnswer extends Answer {
  readonly commonName: string
}

async function ask(
  gateway: GatewayProcess,
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
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  const bytes = new Uint8Array(Buffer.concat(parts))
  return {
    status: response.statusCode ?? 0,
    headers: new Headers(),
    bytes,
    commonName: String(commonName),
  }
}

describe.skipIf(certificates.length === 0)('HTTPS', () => {
  const [first, second] = certificates
  if (first === undefined || second === undefined) return

  /** A gateway with the first certificate, in files the test may change. */
  async function start(): Promise<{ gateway: GatewayProcess; cert: string; key: string }> {
    const own = await mkdtemp(join(folder, 'served-'))
    const [cert, key] = [join(own, 'tls.crt'), join(own, 'tls.key')]
    await copyFile(first?.cert ?? '', cert)
    await copyFile(first?.key ?? '', key)
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--tls-cert', cert, '--tls-key', key],
    })
    return { gateway, cert, key }
  }

  it('serves sealed requests, and nothing in plaintext', async () => {
    const { gateway } = await start()
    expect(gateway.url).toMatch(/^https:/)
    const path = '/v1/chat/secure_completion'
    const completion = await completionOf(
      await ask(gateway, path, { body: await seal(chat('over TLS')) }),
    )
    expect(completion.choices[0].message.content).toBe('over TLS')
    expect(await rawExchange(gateway.port, 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n')).not.toMatch(
      /200/,
    )
    expect((await ask(gateway, '/health')).status).toBe(200)
  })

  it('takes up a new certificate on SIGHUP, and keeps the one it has if that is broken', async () => {
    const { gateway, cert, key } = await start()
    expect((await ask(gateway, '/health')).commonName).toBe('a.example')
    // A certificate without its key, as in the midst of a renewal.
    await copyFile(second.cert, cert)
    gateway.kill('SIGHUP')
    await expect.poll(() => gateway.stderr()).toContain('"code":"ERR_TLS_FILES"')
    expect((await ask(gateway, '/health')).commonName).toBe('a.example')
    await copyFile(second.key, key)
    gateway.kill('SIGHUP')
    await expect.poll(async () => (await ask(gateway, '/health')).commonName).toBe('b.example')
    expect(gateway.stderr()).not.toContain('PRIVATE')
  })

  it('ends promptly while a connection is kept alive', async () => {
    const { gateway } = await start()
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    expect((await ask(gateway, '/health', { agent })).status).toBe(200)
    const stoppedAt = performance.now()
    gateway.kill('SIGTERM')
    expect((await gateway.ended).code).toBe(0)
    expect(performance.now() - stoppedAt).toBeLessThan(5000)
  })

  it(
    'is not held up for ever by a connection without a handshake',
    { timeout: 30_000 },
    async () => {
      const { gateway } = await start()
      const socket = connect(gateway.port, '127.0.0.1')
      onTestFinished(() => void socket.destroy())
      await once(socket, 'connect')
      gateway.kill('SIGTERM')
      expect((await gateway.ended).code).toBe(0)
    },
  )

  it('does not start with files that are missing or do not fit', async () => {
    const noKey = join(folder, 'empty')
    await writeFile(noKey, '')
    for (const key of [join(folder, 'none'), noKey, second.key]) {
      const args = ['--engine', 'demo', '--port', '0', '--tls-cert', first.cert, '--tls-key', key]
      const { code, stderr } = await runGateway(args).ended
      expect(code).toBe(1)
      expect(stderr).toContain('(ERR_TLS_FILES)')
      expect(stderr).not.toContain(String(await readFile(second.key)).split('\n')[1])
    }
  })
})
