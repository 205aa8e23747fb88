import { describe, expect, it } from 'vitest'
import type { GatewayConfig } from '../src/config/config.js'
import { createGateway } from '../src/gateway.js'
import { GatewayError } from '../src/errors.js'
import {
  get,
  holdAnswer,
  readConfig,
  send,
  startGateway,
  testGateway,
  testKeyDir,
  testModelServer,
  testSocket,
} from './support.js'
import { metricsUrl } from './measure.js'

const KEY = 'a-key-that-is-long-enough'

describe('a program that passes a protection without a value', () => {
  it.each<[string, Partial<GatewayConfig>, string, string]>([
    ['no keys', { apiKeys: [] }, 'ERR_API_KEYS', 'apiKeys is empty'],
    ['a short key', { apiKeys: [KEY, 'canary-15-chars'] }, 'ERR_API_KEYS', 'apiKeys[1]'],
    ['a key with a blank', { apiKeys: [`${KEY} canary`] }, 'ERR_API_KEYS', 'apiKeys[0]'],
    ['an empty key', { apiKeys: [''] }, 'ERR_CONFIG', 'apiKeys[0]'],
    ['an empty keys file', { keysFile: '' }, 'ERR_CONFIG', 'keysFile'],
    ['a blank key folder', { keyDir: ' ' }, 'ERR_CONFIG', 'keyDir'],
    ['an empty password', { keys: { password: '' } }, 'ERR_CONFIG', 'keys.password'],
    ['an empty password file', { keys: { passwordFile: '' } }, 'ERR_CONFIG', 'keys.passwordFile'],
    ['an empty certificate', { tls: { certFile: '', keyFile: 'k' } }, 'ERR_CONFIG', 'tls.certFile'],
    ['an empty Redis', { redis: { url: '' } }, 'ERR_CONFIG', 'redis.url'],
    [
      'an empty CA of an upstream',
      {
        engine: {
          kind: 'upstreams',
          upstreams: [{ name: 'a', url: 'https://a.example/v1', caFile: '' }],
        },
      },
      'ERR_CONFIG',
      'engine.upstreams[0].caFile',
    ],
  ])('gets an error that names the member: %s', async (_what, settings, code, member) => {
    const config = { ...readConfig(['--engine', 'demo', '--port', '0']), keyDir: testKeyDir() }
    const failure = createGateway({ ...config, logLevel: 'silent', ...settings })
    await expect(failure).rejects.toBeInstanceOf(GatewayError)
    await expect(failure).rejects.toMatchObject({ code })
    await expect(failure).rejects.toThrow(member)
    await expect(failure).rejects.not.toThrow(/canary/)
  })

  it('may omit keys', async () => {
    const gateway = await testGateway({ config: { apiKeys: undefined } })
    expect((await send(gateway)).status).toBe(200)
  })
})

describe('metrics', () => {
  it.each([
    ['127.0.0.1:9464', 200],
    ['localhost', 200],
    ['host.docker.internal:9464', 200],
    ['evil.example', 403],
    ['evil.example:9464', 403],
    ['127.0.0.1.evil.example', 403],
  ])('for Host %s are %i', async (host, status) => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--metrics-port', '0'] })
    const url = metricsUrl(gateway).replace(/\/metrics$/, '')
    expect((await get({ url }, '/metrics', { headers: { host } })).status).toBe(status)
  })

  it('on every address have any name', async () => {
    const args = ['--engine', 'demo', '--metrics-port', '0', '--metrics-host', '0.0.0.0']
    const gateway = await testGateway({ args })
    const url = metricsUrl(gateway)
      .replace(/\/metrics$/, '')
      .replace('0.0.0.0', '127.0.0.1')
    const answer = await get({ url }, '/metrics', { headers: { host: 'gateway.example' } })
    expect(answer.status).toBe(200)
  })

  it('drop a connection that expects something, and do not wait for its caller', async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--metrics-port', '0'] })
    const port = Number(new URL(metricsUrl(gateway)).port)
    const text = 'GET /metrics HTTP/1.1\r\nhost: x\r\nexpect: x\r\n\r\n'
    const socket = (await testSocket(port, { text })).resume()
    await expect.poll(() => socket.closed).toBe(true)
  })
})

describe('closing', () => {
  it('ends in time though a model never answers', async () => {
    const upstream = await testModelServer()
    const { arrived } = holdAnswer(upstream)
    const config = { drainTimeoutMs: 100 }
    const gateway = await startGateway({ args: ['--upstream', upstream.url], config })
    const abandoned = expect(send(gateway)).rejects.toThrow()
    await arrived
    await gateway.stop()
    await abandoned
  })
})

it('localhost is one address, so that limits of connections hold for all of it', async () => {
  const args = ['--engine', 'demo', '--host', 'localhost', '--max-connections', '2']
  const gateway = await testGateway({ args })
  expect(gateway.url).toBe(`http://127.0.0.1:${gateway.port}`)
  expect((await get(gateway, '/health')).status).toBe(200)
})
