import { Redis } from 'ioredis'
import type { Logger } from '../observability/log.js'
import { GatewayError } from '../errors.js'
import { connectionErrorCode, createClient, createClusterOf, type RedisClient } from './client.js'
import {
  RedisError,
  redisErrorCode,
  TRY_ANOTHER_SERVER,
  type RedisErrorCode,
} from './error-code.js'
import { Outages, type Consequences, type RedisObserver, type RedisUse } from './outages.js'
import { parseRedisUrl, type RedisTarget } from './url.js'
import { WaitBudget } from './wait-budget.js'

/** Receivers of reports, and the consequences of failures that the log states. */
export interface RedisConnectionOptions {
  readonly logger: Logger
  readonly consequences?: Consequences
  readonly observer?: RedisObserver
}

/** Commands that wait for an answer: more are not buffered while Redis is slow or hangs. */
const MAX_PENDING = 1024
/** A start waits this long for the first connection. */
const MAX_START_MS = 5000

const IGNORED: RedisObserver = { failed: () => undefined, degraded: () => undefined }

/**
 * Connection to a Redis, to the master that Sentinels name, or to a Redis Cluster. It reconnects whenever
 * the connection is lost, or when the server at the other end turned into a replica.
 */
export class RedisConnection {
  readonly #logger: Logger
  readonly #outages: Outages
  #client: RedisClient
  #pending = 0
  /** Cause of the latest loss of the connection: ioredis fails commands without it. */
  #cause: RedisErrorCode | undefined
  #lost = false
  /** A refusal ends the connection, which is no loss. */
  #replacing = false
  #identified: Promise<void> | undefined
  #closed = false

  /**
   * Connects. Resolves after the first attempt, even if it fails.
   *
   * @throws GatewayError `ERR_REDIS_URL`
   */
  static async open(url: string, options: RedisConnectionOptions): Promise<RedisConnection> {
    const target = parseRedisUrl(url)
    if (target === undefined) {
      throw new GatewayError('ERR_REDIS_URL', 'The URL of Redis is not valid.')
    }
    const connection = new RedisConnection(target, options)
    await connection.#connect()
    return connection
  }

  private constructor(target: RedisTarget, options: RedisConnectionOptions) {
    this.#logger = options.logger
    const { observer = IGNORED, consequences = {} } = options
    this.#outages = new Outages(options.logger, observer, consequences)
    this.#client = this.#watch(
      createClient(target, {
        retry: true,
        reconnectOnError: (error) => this.#replaceOn(error),
      }),
    )
  }

  /** Commands that wait for an answer. */
  get pending(): number {
    return this.#pending
  }

  get ready(): boolean {
    return this.#client.status === 'ready'
  }

  /**
   * Runs one command.
   *
   * @param operation - names the command in the accounting of failures
   * @param wait - what remains of the time of the request; by default that of one command
   * @throws RedisError with the cause
   */
  async run<T>(
    use: RedisUse,
    operation: string,
    command: (client: RedisClient) => Promise<T>,
    wait = new WaitBudget(),
  ): Promise<T> {
    try {
      const result = await this.#attempt(command, wait)
      this.#outages.succeeded(use, operation)
      return result
    } catch (error) {
      const code = redisErrorCode(error) ?? this.#cause ?? 'CLOSED'
      this.#outages.failed(use, operation, code)
      if (code === 'MOVED') void this.#useCluster()
      throw error instanceof RedisError ? error : new RedisError(code)
    }
  }

  /**
   * Runs a script. In a cluster all keys must be in one slot, see `hashTagged`.
   *
   * @throws RedisError with the cause
   */
  eval(
    use: RedisUse,
    script: { readonly name: string; readonly lua: string },
    keys: readonly string[],
    args: readonly (string | number)[],
    wait?: WaitBudget,
  ): Promise<unknown> {
    const command = (client: RedisClient): Promise<unknown> =>
      client.eval(script.lua, keys.length, ...keys, ...args)
    return this.run(use, script.name, command, wait)
  }

  close(): void {
    this.#closed = true
    this.#client.disconnect()
  }

  #attempt<T>(command: (client: RedisClient) => Promise<T>, wait: WaitBudget): Promise<T> {
    if (wait.exhausted) throw new RedisError('TIMEOUT')
    if (this.#pending >= MAX_PENDING) throw new RedisError('QUEUE_FULL')
    if (!this.ready) throw new RedisError(this.#cause ?? 'CLOSED')
    this.#pending++
    // Counted until it is answered or its connection ends, also when its request waits no longer.
    const answer = command(this.#client).finally(() => this.#pending--)
    return wait.spend(answer)
  }

  async #connect(): Promise<void> {
    const attempt = this.#client.connect().then(
      () => this.#identified,
      () => undefined,
    )
    await new WaitBudget(MAX_START_MS).spend(attempt).catch(() => undefined)
  }

  /** Switches to the cluster if a server that was named alone is one of its nodes. */
  async #identify(server: Redis): Promise<void> {
    // Without the right to ask, the first MOVED tells.
    const info = await server.info('cluster').catch(() => '')
    if (/^cluster_enabled:1/m.test(info)) await this.#useCluster()
  }

  async #useCluster(): Promise<void> {
    const server = this.#client
    if (!(server instanceof Redis) || this.#closed) return
    this.#logger.info('Redis is a node of a Redis Cluster: the gateway uses the whole cluster')
    this.#client = this.#watch(createClusterOf(server, { retry: true }))
    server.disconnect()
    await this.#connect()
  }

  #watch<T extends RedisClient>(client: T): T {
    const isCurrent = (): boolean => client === this.#client && !this.#closed
    client.on('error', (error: Error) => {
      if (isCurrent()) this.#lose((this.#cause = connectionErrorCode(client, error)))
    })
    client.on('node error', (error: Error) => {
      if (isCurrent()) this.#cause = connectionErrorCode(client, error)
    })
    // A connection that Redis closes is no error; one that this gateway closes is not reported.
    client.on('reconnecting', () => {
      if (!isCurrent()) return
      if (!this.#replacing) this.#lose(this.#cause ?? 'CLOSED')
      this.#replacing = false
    })
    client.on('ready', () => {
      if (!isCurrent()) return
      this.#cause = undefined
      if (client instanceof Redis && !client.options.sentinels) {
        this.#identified = this.#identify(client)
      }
      if (this.#lost) this.#logger.info('Redis is available again')
      this.#lost = false
    })
    return client
  }

  #replaceOn(error: Error): boolean {
    const code = redisErrorCode(error)
    // Once for all commands in flight.
    if (code === undefined || !TRY_ANOTHER_SERVER.has(code) || this.#replacing) return false
    this.#replacing = true
    this.#cause = code
    return true
  }

  #lose(code: RedisErrorCode): void {
    if (this.#lost) return
    this.#lost = true
    this.#logger.warn(`Redis is unavailable (${code}); the gateway retries periodically`)
  }
}
