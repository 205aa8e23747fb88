import { importPublicKey } from '@nomyo/crypto'
import { startRedis, stopAfterTest, until, type RedisServer } from '@nomyo-internal/testing'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { Redis } from 'ioredis'
import { onTestFinished } from 'vitest'
import { send, statusOf, testGateway, type TestGateway } from './support.js'

/** Longest wait for what follows when Redis stops or starts. */
export const SOON = { timeout: 30_000, interval: 250 }

/** Starts a Redis for the time of one test. */
export const testRedis = async (): Promise<RedisServer> => stopAfterTest(await startRedis())

/** Starts a gateway with this Redis for the time of one test. */
export const gatewayOn = (
  redis: Pick<RedisServer, 'url'>,
  ...args: string[]
): Promise<TestGateway> =>
  testGateway({ args: ['--engine', 'demo', '--redis', redis.url, ...args] })

/** Sends a request of its own, and returns the status of the answer. */
export const fresh = (gateway: TestGateway): Promise<number> => statusOf(send(gateway))

/** Of the encrypted key of the vectors. */
export const PASSWORD = 'correct horse battery staple'
export const encryptedKey = await importPublicKey(keyPem('keys/encrypted.public.pem'))

/** The hash with the server keys of gateways with `--shared-keys`. */
export const KEYS = 'nomyo:server-keys'

/** A Redis for shared server keys. */
export interface KeyRedis {
  readonly redis: RedisServer
  readonly client: Redis
  /** The options that name it. */
  readonly flags: readonly string[]
  /** Stores the encrypted key of the vectors: reading one is much quicker than making one. */
  putKey(number: number): Promise<number>
  /** Starts a gateway with the password of that key. */
  start(...args: string[]): Promise<TestGateway>
}

/** Starts a {@link KeyRedis} for the time of one test. */
export async function testKeyRedis(): Promise<KeyRedis> {
  const redis = await testRedis()
  const client = new Redis(redis.url, { retryStrategy: () => 100 }).on('error', () => undefined)
  onTestFinished(() => client.disconnect())
  const flags = ['--shared-keys', '--redis', redis.url]
  const pem = keyPem('keys/encrypted.private.pem')
  return {
    redis,
    client,
    flags,
    putKey: (number) => client.hset(KEYS, String(number), `${Date.now() - 60_000}\n${pem}`),
    start: (...args) =>
      testGateway({
        args: ['--engine', 'demo', ...flags, ...args],
        env: { NOMYO_KEY_PASSWORD: PASSWORD },
        ignoresKeyDir: true,
      }),
  }
}

/** A master and a replica that has everything of it. */
export async function pair(): Promise<readonly [RedisServer, RedisServer]> {
  const master = stopAfterTest(await startRedis())
  const replica = stopAfterTest(await startRedis({ replicaOf: master.port }))
  await until(
    async () => (await replica.command('INFO', 'replication')).includes('master_link_status:up'),
    () => 'replication',
  )
  return [master, replica]
}

/** Waits until replicas have what their masters have. */
export const replicated = (masters: readonly RedisServer[], replicas: readonly RedisServer[]) =>
  until(
    async () => {
      const sizes = async (servers: readonly RedisServer[]): Promise<number> => {
        const each = await Promise.all(servers.map((server) => server.command('DBSIZE')))
        return each.reduce((sum, size) => sum + Number(size), 0)
      }
      return (await sizes(masters)) === (await sizes(replicas))
    },
    () => 'replication',
  )
