import { randomBytes } from 'node:crypto'
import { isInstalled, makeSwtpm } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { get, logEntries, testGateway, type TestGateway } from './support.js'

interface LogLine {
  readonly route?: string
  readonly address?: string
  readonly reqId?: string
}

const healthLines = (gateway: TestGateway): LogLine[] =>
  logEntries<LogLine>(gateway.log()).filter(({ route }) => route === '/health')

const forwarded = (value: string, path = '/health', from = '127.0.0.1') =>
  [path, { from, headers: { 'x-forwarded-for': value, 'x-request-id': 'canary' } }] as const

describe('X-Forwarded-For', () => {
  it.each([
    ['of no proxy by default', [], '127.0.0.1', '127.0.0.1'],
    ['of a trusted proxy', ['--trust-proxy=127.0.0.0/8'], '127.0.0.1', '203.0.113.7'],
    ['of another than the trusted one', ['--trust-proxy=127.0.0.2'], '127.0.0.1', '127.0.0.1'],
    ['of the trusted one', ['--trust-proxy=127.0.0.2,::1'], '127.0.0.2', '203.0.113.7'],
  ])('is trusted or ignored: %s', async (_what, args, from, address) => {
    const gateway = await testGateway({ args: ['--engine', 'demo', ...args] })
    // What a caller itself has put in front does not count.
    await get(gateway, ...forwarded('192.0.2.66, 203.0.113.7', '/health', from))
    await expect.poll(() => healthLines(gateway)).toHaveLength(1)
    expect(healthLines(gateway)[0]?.address).toBe(address)
  })

  it('that is no address is not logged', async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--trust-proxy=loopback'] })
    await get(gateway, ...forwarded('canary'))
    await expect.poll(() => healthLines(gateway)).toHaveLength(1)
    expect(gateway.log()).not.toContain('canary')
  })

  it.skipIf(!isInstalled('swtpm'))(
    'decides whose requests for attestation are counted',
    async () => {
      const swtpm = makeSwtpm()
      onTestFinished(() => swtpm.stop())
      await swtpm.start()
      const gateway = await testGateway({
        args: ['--engine', 'demo', '--tpm', swtpm.address, '--trust-proxy=127.0.0.1'],
      })
      const statusFor = async (address: string, from = '127.0.0.1'): Promise<number> => {
        const path = `/pki/attestation?nonce=${randomBytes(32).toString('base64url')}`
        return (await get(gateway, ...forwarded(address, path, from))).status
      }
      for (let count = 0; count < 60; count++) expect(await statusFor('203.0.113.7')).toBe(200)
      expect(await statusFor('203.0.113.7')).toBe(429)
      expect(await statusFor('203.0.113.8')).toBe(200)
      // Not the proxy: its own address counts, whatever it says.
      expect(await statusFor('203.0.113.7', '127.0.0.2')).toBe(200)
    },
  )
})

describe('a request id', () => {
  it('is created here, sent to the caller and logged', async () => {
    const gateway = await testGateway()
    const answer = await get(gateway, ...forwarded('x'))
    const id = answer.headers.get('x-request-id') ?? ''
    expect(id).toMatch(/^[\da-f-]{36}$/)
    await expect.poll(() => healthLines(gateway).map(({ reqId }) => reqId)).toEqual([id])
  })
})
