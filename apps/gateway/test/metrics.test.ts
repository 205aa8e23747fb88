import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import {
  completionOf,
  freePort,
  shared,
  startChatModel,
  isInstalled,
  makeCa,
  startModelServer,
  temporaryFolder,
  until,
} from '@nomyo-internal/testing'
import { Registry } from 'prom-client'
import { afterAll, describe, expect, it } from 'vitest'
import { watchModel } from '../src/observability/metrics/model-metrics.js'
import { metric, metricsUrl } from './measure.js'
import {
  addApiKey,
  chat,
  failureOf,
  holdAnswer,
  httpLines,
  rawExchange,
  runCommand,
  send,
  startGateway,
  statusOf,
  temporaryFile,
  testGateway,
  testSocket,
} from './support.js'

const METRICS = ['--metrics-port', '0']
const DEMO = ['--engine', 'demo', ...METRICS]
const textOf = async (gateway: { log(): string }): Promise<string> =>
  (await fetch(metricsUrl(gateway))).text()

describe('all metrics', () => {
  /** A gateway with every part that has metrics, but for a model in it; the Redis need not work. */
  const everything = shared(async () => {
    const upstream = await startModelServer()
    const gateway = await startGateway({
      args: [
        ...['--upstream', upstream.url, '--redis', `redis://127.0.0.1:${await freePort()}`],
        ...['--redis-failure', 'degrade', ...METRICS],
      ],
    })
    expect(await statusOf(send(gateway))).toBe(200)
    const text = await textOf(gateway)
    return {
      text,
      stop: async () => {
        await gateway.stop()
        upstream.stop()
      },
    }
  })
  const namesIn = (lines: string): string[] =>
    [...lines.matchAll(/^# HELP (nomyo_\w+) /gm)].map(([, name = '']) => name).sort()

  it('are those that the documentation lists', () => {
    const documented = [
      ...readFileSync(
        new URL('../../../docs/gateway/operation.md', import.meta.url),
        'utf8',
      ).matchAll(/^\| `(nomyo_\w+)` /gm),
    ].map(([, name = '']) => name)
    const registry = new Registry()
    watchModel(registry, () => 0)
    const ofModel = registry.getMetricsAsArray().map(({ name }) => name)
    expect([...namesIn(everything().text), ...ofModel].sort()).toEqual(documented.sort())
  })

  it('follow the conventions of Prometheus', () => {
    const types = [...everything().text.matchAll(/^# TYPE (nomyo_\w+) (\w+)$/gm)]
    expect(types.length).toBeGreaterThan(20)
    for (const [, name = '', type] of types) {
      expect(name).toMatch(/^nomyo_[a-z]+(?:_[a-z]+)*$/)
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter'])
      expect(name).not.toMatch(
        /_(?:count|sum|bucket|ms|millis|milliseconds|gauge|counter|histogram)$/,
      )
      if (type === 'histogram') expect(name).toMatch(/_seconds$/)
    }
    for (const [, name = '', help = ''] of everything().text.matchAll(
      /^# HELP (nomyo_\w+) (.*)$/gm,
    )) {
      expect([name, help]).toEqual([name, expect.stringMatching(/\.$/)])
    }
  })
})

it('names the option of the listener whose address cannot be used', async () => {
  const taken = ['--metrics-port', String((await testGateway()).port)]
  const failed = await runCommand(['--engine', 'demo', '--port', '0', ...taken])
  expect(failureOf(failed)).toMatch(/--metrics-port.*\(ERR_METRICS_ADDRESS\)/)
})

describe('usage per API key', async () => {
  const keysFile = temporaryFile('{"version":1,"keys":[]}')
  const alice = await addApiKey(keysFile, '--name', 'alice')
  const bob = await addApiKey(keysFile, '--name', 'bob')
  const upstream = await startChatModel((response) => response.end(completionOf({ content: 'x' })))
  const gateway = await startGateway({
    args: ['--upstream', upstream.url, '--keys-file', keysFile, ...METRICS],
  })
  afterAll(async () => {
    await gateway.stop()
    upstream.stop()
  })
  // The gateway learns which models there are.
  await until(async () => {
    const headers = { authorization: `Bearer ${alice}` }
    return (await fetch(`${gateway.url}/v1/models`, { headers })).ok
  })
  const ask = (key: string, model = 'm'): Promise<number> =>
    statusOf(send(gateway, chat('x', { model }), { authorization: `Bearer ${key}` }))

  it('counts requests and tokens, and what is refused before the model has none', async () => {
    expect([await ask(alice), await ask(alice), await ask(bob)]).toEqual([200, 200, 200])
    expect(await ask('wrong-key-0123456789')).toBe(401)
    const bad = { authorization: `Bearer ${bob}`, 'x-security-tier': 'none' }
    expect(await statusOf(send(gateway, chat('x'), bad))).toBe(400)
    const values = {
      'nomyo_key_requests_total{key="alice"}': 2,
      'nomyo_key_tokens_total{key="alice",kind="prompt"}': 6,
      'nomyo_key_tokens_total{key="alice",kind="completion"}': 8,
      'nomyo_key_requests_total{key="bob"}': 2,
      'nomyo_key_tokens_total{key="bob",kind="completion"}': 4,
      'nomyo_refusals_total{cause="unauthorized"}': 1,
      'nomyo_refusals_total{cause="header_invalid"}': 1,
      'nomyo_completion_duration_seconds_count{tier="standard",wire="1"}': 3,
      'nomyo_completion_duration_seconds_count{tier="none",wire="1"}': 2,
    }
    for (const [name, value] of Object.entries(values)) {
      expect([name, await metric(gateway, name)]).toEqual([name, value])
    }
    expect((await textOf(gateway)).match(/^nomyo_key_requests_total\{/gm)).toHaveLength(2)
  })

  it('has models by name only where a model server lists them', async () => {
    for (const model of ['canary-1', 'canary-2', 'canary-"\n}']) await ask(alice, model)
    expect(await metric(gateway, 'nomyo_model_requests_total{model="other"}')).toBe(3)
    expect(await metric(gateway, 'nomyo_model_requests_total{model="m"}')).toBe(3)
    expect(await metric(gateway, 'nomyo_model_tokens_total{model="m",kind="prompt"}')).toBe(9)
    expect(await textOf(gateway)).not.toContain('canary')
  })

  it('has no models with --log-model off, and neither has the log', async () => {
    const silent = await testGateway({ args: [...DEMO, '--log-model', 'off'] })
    expect(await statusOf(send(silent, chat('x', { model: 'nomyo/echo' })))).toBe(200)
    expect(await textOf(silent)).not.toMatch(/^nomyo_model_requests_total\{/m)
    expect(silent.log()).toContain('"outcome":"ok"')
    expect(silent.log()).not.toContain('nomyo/echo')
  })
})

describe('connections', () => {
  const dropped = (cause: string): string => `nomyo_connections_dropped_total{cause="${cause}"}`

  it('are counted while they are open', async () => {
    const gateway = await testGateway({ args: DEMO })
    const sockets = [await testSocket(gateway.port), await testSocket(gateway.port)]
    await expect.poll(() => metric(gateway, 'nomyo_connections')).toBe(2)
    for (const socket of sockets) socket.destroy()
    await expect.poll(() => metric(gateway, 'nomyo_connections')).toBe(0)
    for (const cause of ['limit', 'malformed', 'slow_reader']) {
      expect(await textOf(gateway)).toContain(`${dropped(cause)} 0`)
    }
  })

  it.each([
    ['malformed', 'canary\r\n\r\n'],
    ['headers_too_large', httpLines('GET / HTTP/1.1', 'host: x', `x: ${'x'.repeat(100_000)}`, '')],
    ['pipelining', httpLines('GET /health HTTP/1.1', 'host: x', '').repeat(1000)],
  ])('that are dropped are counted: %s', async (cause, bytes) => {
    const gateway = await testGateway({ args: DEMO })
    await rawExchange(gateway.port, bytes)
    expect(await metric(gateway, dropped(cause))).toBe(1)
    await expect.poll(() => metric(gateway, 'nomyo_requests_in_flight')).toBe(0)
  })

  it('beyond the limits are counted', async () => {
    const all = await testGateway({ args: [...DEMO, '--max-connections', '1'] })
    const perAddress = await testGateway({
      args: [...DEMO, '--max-connections-per-address', '1'],
    })
    for (const [gateway, cause] of [
      [all, 'limit'],
      [perAddress, 'address_limit'],
    ] as const) {
      await testSocket(gateway.port)
      const second = connect(gateway.port, '127.0.0.1').on('error', () => undefined)
      await once(second, 'close')
      await expect.poll(() => metric(gateway, dropped(cause))).toBe(1)
    }
  })

  it('whose request takes too long are counted', async () => {
    const gateway = await testGateway({ args: [...DEMO, '--request-timeout', '1s'] })
    await rawExchange(gateway.port, httpLines('GET / HTTP/1.1', 'host: x'))
    expect(await metric(gateway, dropped('request_timeout'))).toBe(1)
  })

  it.skipIf(!isInstalled('openssl'))('without a handshake of TLS are counted', async () => {
    const { cert, key } = makeCa(temporaryFolder(), 'metrics')
    const gateway = await testGateway({ args: [...DEMO, '--tls-cert', cert, '--tls-key', key] })
    await rawExchange(gateway.port, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await expect.poll(() => metric(gateway, dropped('tls'))).toBe(1)
    expect(await metric(gateway, dropped('malformed'))).toBe(0)
  })

  it('that a caller breaks are not: it left by itself', async () => {
    const upstream = await startModelServer()
    const gateway = await testGateway({ args: ['--upstream', upstream.url, ...METRICS] })
    const held = holdAnswer(upstream)
    const abort = new AbortController()
    const sent = statusOf(send(gateway, chat('x'), {}, abort.signal)).catch(() => 0)
    await held.arrived
    abort.abort()
    await sent
    await expect.poll(() => metric(gateway, 'nomyo_requests_in_flight')).toBe(0)
    expect(await textOf(gateway)).not.toMatch(/^nomyo_connections_dropped_total\{.*\} [1-9]/m)
    held.release()
    upstream.stop()
  })
})

it('reloads are counted by their result', async () => {
  const file = temporaryFile('{"version":1,"keys":[]}')
  const gateway = await testGateway({ args: [...DEMO, '--keys-file', file] })
  expect(await textOf(gateway)).toContain('nomyo_reloads_total{result="failed"} 0')
  await gateway.reload()
  writeFileSync(file, 'broken')
  await gateway.reload()
  expect(await metric(gateway, 'nomyo_reloads_total{result="reloaded"}')).toBe(1)
  expect(await metric(gateway, 'nomyo_reloads_total{result="failed"}')).toBe(1)
})
