import { describe, expect, it } from 'vitest'
import {
  freePort,
  isInstalled,
  makeCa,
  makeCertificate,
  startRedis,
  startRedisCluster,
  startSentinel,
  stopAfterTest,
  temporaryFolder,
} from '@nomyo-internal/testing'
import { diagnose, statusesOf, textOf, type Diagnosed } from './diagnose.js'

const look = (url: string): Promise<Diagnosed> =>
  diagnose(['--engine', 'demo', '--port', '0'], { NOMYO_REDIS: url })

describe.skipIf(!isInstalled('redis-server'))('the doctor of a gateway', () => {
  it('runs what the gateway runs in a cluster, and sees one that is down', async () => {
    const cluster = stopAfterTest(await startRedisCluster({ replicas: 0 }))
    for (const url of [cluster.url, cluster.nodes[1]!.url]) {
      expect(statusesOf(await look(url), 'Redis')).toEqual(['ok', 'ok'])
    }
    expect(textOf(await look(cluster.nodes[1]!.url), 'Redis')).toContain('all of which is used')
    for (const node of cluster.nodes) expect(await node.command('DBSIZE')).toBe('0')
    await cluster.nodes[0]!.stop()
    await expect
      .poll(() => cluster.nodes[1]!.command('CLUSTER', 'INFO'), { timeout: 20_000 })
      .toContain('cluster_state:fail')
    const down = await look(`redis+cluster://127.0.0.1:${cluster.nodes[1]!.port}`)
    expect(statusesOf(down, 'Redis')).toEqual(['problem'])
    // Some keys are at the node that has ended.
    expect(textOf(down, 'Redis')).toMatch(/\((?:CLUSTERDOWN|ECONNREFUSED)\)/)
    const alone = await look(cluster.nodes[1]!.url)
    expect(textOf(alone, 'Redis')).toMatch(/\((?:CLUSTERDOWN|ECONNREFUSED)\)/)
    const other = cluster.nodes[1]!
    await other.command('CONFIG', 'SET', 'requirepass', 'right')
    const wrong = await look(`redis+cluster://:canary@127.0.0.1:${other.port}`)
    expect(textOf(wrong, 'Redis')).toContain('(WRONGPASS)')
    expect(wrong.text).not.toContain('canary')
    await Promise.all(cluster.nodes.map((node) => node.stop()))
    const gone = textOf(await look(cluster.url), 'Redis')
    expect(gone).toContain('(CLOSED)')
    expect(gone).toContain('announce')
  })

  it('runs what the gateway runs with Sentinel, and names a wrong master or address', async () => {
    const master = stopAfterTest(await startRedis())
    const sentinel = stopAfterTest(await startSentinel(master, 0))
    expect(statusesOf(await look(sentinel.url), 'Redis')).toEqual(['ok', 'ok'])
    // One of the two URLs is mistaken for the other.
    const asServer = await look(sentinel.server.url)
    expect(statusesOf(asServer, 'Redis')).toEqual(['problem'])
    expect(textOf(asServer, 'Redis')).toContain('redis+sentinel://')
    expect(
      textOf(await look(`${master.url.replace(':', '+sentinel:')}/mymaster`), 'Redis'),
    ).toContain('(SENTINEL)')
    const asCluster = await look(master.url.replace(':', '+cluster:'))
    expect(statusesOf(asCluster, 'Redis')).toEqual(['problem'])
    expect(textOf(asCluster, 'Redis')).toContain('redis://')
    const none = `redis+sentinel://127.0.0.1:${await freePort()}/mymaster`
    for (const url of [sentinel.url.replace('mymaster', 'other'), none]) {
      const diagnosis = await look(url)
      expect(statusesOf(diagnosis, 'Redis')).toEqual(['problem'])
      expect(textOf(diagnosis, 'Redis')).toContain('(SENTINEL)')
    }
  })

  it.skipIf(!isInstalled('openssl'))('tells a Redis with TLS from one without', async () => {
    const folder = temporaryFolder()
    const { cert, key } = makeCertificate(folder, 'redis', {
      ca: makeCa(folder, 'ca'),
      for: 'IP:127.0.0.1',
    })
    const port = await freePort()
    const tls = ['--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key]
    const server = stopAfterTest(
      await startRedis({ args: [...tls, '--tls-auth-clients', 'no', '--tls-ca-cert-file', cert] }),
    )
    const plain = await look(`redis://127.0.0.1:${port}`)
    expect(textOf(plain, 'Redis')).toMatch(/\((?:CLOSED|ECONNRESET)\)[^]*rediss:/)
    const untrusted = await look(`rediss://127.0.0.1:${port}`)
    expect(textOf(untrusted, 'Redis')).toMatch(/\(TLS, [A-Z_]+\)[^]*NODE_EXTRA_CA_CERTS/)
    const without = await look(server.url.replace('redis:', 'rediss:'))
    expect(statusesOf(without, 'Redis')).toEqual(['problem'])
    expect(textOf(without, 'Redis')).toMatch(/\((?:ETIMEDOUT|TIMEOUT|TLS)/)
  })
})
