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

  it.each([
    ['203.0.113.7:4711', '203.0.113.7'],
    ['  203.0.113.7 ', '203.0.113.7'],
    ['"203.0.113.7:4711"', '203.0.113.7'],
    ['[2001:DB8::7]:4711', '2001:db8::7'],
    ['"[2001:db8:0::7]"', '2001:db8::7'],
    ['2001:0db8:0:0::7', '2001:db8::7'],
    ['fe80::7%eth0', 'fe80::7'],
    ['::ffff:cb00:7107', '::ffff:203.0.113.7'],
    ['192.0.2.66, 203.0.113.7:1,127.0.0.9:2', '203.0.113.7'],
    // An entry that is no address hides itself and all before it.
    ['203.0.113.7, unknown, 127.0.0.9', '127.0.0.9'],
    ['203.0.113.7, unknown', '127.0.0.1'],
    ['203.0.113.7:99999999', '127.0.0.1'],
    ['203.0.113.7 203.0.113.8', '127.0.0.1'],
    ['[203.0.113.7', '127.0.0.1'],
    [',', '127.0.0.1'],
    ['x'.repeat(4000), '127.0.0.1'],
  ])('%j of a proxy is of the caller %s', async (value, address) => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--trust-proxy=loopback'] })
    await get(gateway, ...forwarded(value))
    await expect.poll(() => healthLines(gateway)).toHaveLength(1)
    expect(healthLines(gateway)[0]?.address).toBe(address)
  })

  it('gives a caller no fresh limit by its port, its spelling or an invented entry', async () => {
    const gateway = await testGateway({
      args: ['--engine', 'demo', '--trust-proxy=loopback', '--rate-limit=1/s', '--rate-burst=1'],
    })
    const spellings = [
      ...['203.0.113.7', '203.0.113.7:1', '203.0.113.7:2', '"203.0.113.7"'],
      ...['1.1.1.1, 203.0.113.7', 'invented, 203.0.113.7:3'],
    ]
    for (const [at, spelling] of spellings.entries()) {
      const { status } = await get(gateway, ...forwarded(spelling, '/v1/models'))
      expect(status, spelling).toBe(at === 0 ? 200 : 429)
    }
    const invented = await Promise.all(
      ['a', 'b', 'c'].map((one) => get(gateway, ...forwarded(one, '/v1/models'))),
    )
    expect(invented.map(({ status }) => status).sort()).toEqual([200, 429, 429])
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
