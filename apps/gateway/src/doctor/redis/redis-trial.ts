import { randomUUID } from 'node:crypto'
import { errnoCode } from '@nomyo-internal/diagnostics'
import { Cluster, Redis } from 'ioredis'
import { ADD, ADMIT } from '../../access/quota/redis-counter.js'
import { claimKey, REPLAY_PREFIX } from '../../completion/replay/redis.js'
import {
  connectionErrorCode,
  createClient,
  createClusterOf,
  type RedisClient,
} from '../../redis/client.js'
import { redisErrorCode, type RedisErrorCode } from '../../redis/error-code.js'
import { hashTagged } from '../../redis/keys.js'
import { COUNT, READ } from '../../redis/redis-counter.js'
import type { RedisTarget } from '../../redis/url.js'
import { WaitBudget } from '../../redis/wait-budget.js'
import { RSA_KEYS } from '../../server-keys/rsa-kind.js'

const CONNECT_MS = 5500
/** Keys of a trial expire, and are deleted before where the user may do that. */
const KEY_MS = 5000
/** Keys in as many slots reach all masters of a cluster with near certainty. */
const SLOTS = 32

/** Failure of a trial: the code, and more that is safe to print. */
export interface TrialFailure {
  readonly code: RedisErrorCode
  readonly detail?: string
  /** True where the client was one of a cluster. */
  readonly isOfCluster?: boolean
}

/** Commands and an attempt at each. */
type Attempts = readonly (readonly [command: string, attempt: () => Promise<unknown>])[]

/** Client that runs the commands of a gateway once, on keys of its own. */
export class RedisTrial {
  #client: RedisClient
  /** Cause of the failure of the connection, which commands do not have. */
  #cause: unknown

  constructor(target: RedisTarget) {
    this.#client = this.#watch(
      createClient(target, { retry: false, reconnectOnError: () => false }),
    )
  }

  /** Connects; returns the milliseconds that it takes. */
  connect(): Promise<number> {
    return measure(() => new WaitBudget(CONNECT_MS).spend(this.#client.connect()))
  }

  /** Switches to the cluster if the server is one of its nodes, as the gateway does. */
  async followCluster(): Promise<boolean> {
    const server = this.#client
    if (!(server instanceof Redis)) return false
    const info = await server.info('cluster').catch(() => '')
    if (!/^cluster_enabled:1/m.test(info)) return false
    this.#client = this.#watch(createClusterOf(server, { retry: false }))
    server.disconnect()
    await this.connect()
    return true
  }

  ping(): Promise<number> {
    return measure(() => this.#client.ping())
  }

  /** Returns how far the clock of this machine is ahead of that of Redis, or of one master of a cluster. */
  async clockOffsetMs(): Promise<number | undefined> {
    const node = this.#client instanceof Cluster ? this.#client.nodes('master')[0] : this.#client
    const startedAt = Date.now()
    const [seconds = 0, microseconds = 0] = (await node?.time()) ?? []
    if (node === undefined) return undefined
    return (startedAt + Date.now()) / 2 - (1000 * seconds + microseconds / 1000)
  }

  /** Reads `INFO`, of one master of a cluster; empty without the right to. */
  async info(): Promise<string> {
    const node = this.#client instanceof Cluster ? this.#client.nodes('master')[0] : this.#client
    return (await node?.info().catch(() => '')) ?? ''
  }

  /**
   * Runs what the gateway runs; returns the commands for which the user lacks the right.
   *
   * @throws the first other refusal
   */
  async runCommands(withKeys: boolean): Promise<{ readonly missing: readonly string[] }> {
    const client = this.#client
    const id = randomUUID()
    const claims = Array.from(
      { length: SLOTS },
      (_, slot) => `${REPLAY_PREFIX}doctor:${id}:${slot}`,
    )
    const counter = `nomyo:rate:doctor:${id}`
    const quotas = [hashTagged('nomyo:quota', id, '1'), hashTagged('nomyo:quota', id, '2')] as const
    const hash = `${RSA_KEYS.hash}:doctor:${id}`
    const [firstClaim = ''] = claims
    // In scripts a missing right has no name, so that their commands are tried by themselves.
    const rights: Attempts = [
      ['INCRBY', () => client.incrby(firstClaim, 0)],
      ['GET', () => client.get(firstClaim)],
      ['PTTL', () => client.pttl(firstClaim)],
      ['PEXPIRE', () => client.pexpire(firstClaim, KEY_MS)],
      ['EVAL', () => client.eval('return 1', 1, counter)],
    ]
    const attempts: Attempts = [
      ['SET', () => Promise.all(claims.map((key) => claimKey(client, key, KEY_MS)))],
      ...(withKeys
        ? ([
            ['HSETNX', () => client.hsetnx(hash, '0', '')],
            ['HGETALL', () => client.hgetall(hash)],
            ['HDEL', () => client.hdel(hash, '0')],
          ] as const)
        : []),
    ]
    try {
      const missing: string[] = []
      for (const [command, attempt] of attempts) {
        if (await isForbidden(attempt())) missing.push(command)
      }
      for (const [command, attempt] of rights) {
        // The key has no number, which is another refusal.
        if (await isForbidden(attempt()).catch(() => false)) missing.push(command)
      }
      if (missing.length === 0) {
        await client.eval(COUNT.lua, 1, counter, 1, KEY_MS, 'count')
        await client.eval(READ.lua, 1, counter)
        await client.eval(ADMIT.lua, 2, ...quotas, 1, KEY_MS, 1, 1, KEY_MS, 0)
        await client.eval(ADD.lua, 1, quotas[1], 1, KEY_MS)
      }
      return { missing }
    } finally {
      const keys = [...claims, counter, ...quotas, hash]
      await Promise.all(keys.map((key) => client.del(key).catch(() => undefined)))
    }
  }

  /** Describes a failure of any of these. */
  describe(error: unknown): TrialFailure {
    return { ...this.#causeOf(error), isOfCluster: this.#client instanceof Cluster }
  }

  #causeOf(error: unknown): TrialFailure {
    const code = redisErrorCode(error)
    if (code !== undefined && code !== 'TIMEOUT') return { code }
    if (this.#cause === undefined) return { code: code ?? 'CLOSED' }
    const cause = connectionErrorCode(this.#client, this.#cause)
    // The errno of TLS names what is wrong with a certificate.
    return cause === 'TLS' ? { code: cause, detail: errnoCode(this.#cause) } : { code: cause }
  }

  close(): void {
    this.#client.disconnect()
  }

  #watch<T extends RedisClient>(client: T): T {
    const note = (error: unknown): void => void (this.#cause = error)
    client.on('error', note)
    client.on('node error', note)
    return client
  }
}

/** Reports whether the user lacks the right to a command; rethrows every other refusal. */
async function isForbidden(attempt: Promise<unknown>): Promise<boolean> {
  try {
    await attempt
    return false
  } catch (error) {
    if (redisErrorCode(error) === 'NOPERM') return true
    throw error
  }
}

async function measure(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
