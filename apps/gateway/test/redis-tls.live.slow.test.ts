import {
  freePort,
  isInstalled,
  makeCa,
  makeCertificate,
  startRedis,
  startSentinel,
  stopAfterTest,
  temporaryFolder,
  type RedisServer,
} from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { SOON } from './redis.js'
import { send, statusOf, testGatewayProcess } from './support.js'

const canRun = isInstalled('redis-server') && isInstalled('openssl')

describe.skipIf(!canRun)('a Redis with TLS and a private CA', () => {
  if (!canRun) return
  const folder = temporaryFolder()
  const ca = makeCa(folder, 'ca')
  const { cert, key } = makeCertificate(folder, 'redis', { ca, for: 'IP:127.0.0.1' })
  const settings = (port: number): string[] => [
    ...['--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key],
    ...['--tls-ca-cert-file', ca.cert, '--tls-auth-clients', 'no', '--tls-replication', 'yes'],
  ]
  async function expectClaims(url: string, server: RedisServer): Promise<void> {
    const env = { NOMYO_REDIS: url, NODE_EXTRA_CA_CERTS: ca.cert }
    const gateway = await testGatewayProcess({ env })
    await expect.poll(() => statusOf(send(gateway)), SOON).toBe(200)
    const keys = (await server.command('KEYS', 'nomyo:replay:*')).split('\n')
    expect(keys.length).toBeGreaterThanOrEqual(2)
    expect(gateway.stderr()).not.toMatch(/Redis (?:fails|is unavailable)/)
    const untrusting = await testGatewayProcess({ env: { NOMYO_REDIS: url } })
    expect(await statusOf(send(untrusting))).toBe(503)
  }

  it('is used as one server', async () => {
    const port = await freePort()
    const server = stopAfterTest(await startRedis({ args: settings(port) }))
    await expectClaims(`rediss://127.0.0.1:${port}`, server)
  })

  it('is used as a cluster', async () => {
    const port = await freePort()
    const cluster = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())]
    // A node that has met no other does not know its address.
    const announced = ['--tls-cluster', 'yes', '--cluster-announce-ip', '127.0.0.1']
    const server = stopAfterTest(
      await startRedis({ args: [...settings(port), ...cluster, ...announced] }),
    )
    await server.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await expect.poll(() => server.command('CLUSTER', 'INFO'), SOON).toContain('cluster_state:ok')
    await expectClaims(`rediss+cluster://127.0.0.1:${port}`, server)
    await expectClaims(`rediss://127.0.0.1:${port}`, server)
  })

  it('is used with Sentinel', async () => {
    const [port, sentinelPort] = [await freePort(), await freePort()]
    const server = stopAfterTest(await startRedis({ args: settings(port) }))
    const sentinel = await startSentinel({ ...server, port }, 0, settings(sentinelPort))
    stopAfterTest(sentinel)
    await expectClaims(`rediss+sentinel://127.0.0.1:${sentinelPort}/mymaster`, server)
  })
})
