import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { SecurityError } from '@nomyo/crypto'
import type { KemPrivateKey } from '@nomyo/crypto/wire-2'
import { HttpError } from '../../http-error.js'
import type { Logger } from '../../observability/log.js'

type Bytes = Uint8Array<ArrayBuffer>

/** Operation that the thread is asked for. */
type Operation =
  | {
      readonly type: 'import' | 'decapsulate' | 'derive'
      readonly key: number
      readonly bytes: Uint8Array
    }
  | { readonly type: 'dispose'; readonly key: number }

/** Operation as the thread receives it, in batches. */
interface Message {
  readonly id: number
  readonly operation: Operation
}

/** Result of an operation, as the thread sends it, in batches: bytes, or none where it failed. */
interface Reply {
  readonly id: number
  readonly bytes?: Bytes
}

/** Operation that waits for its reply. */
interface Pending {
  readonly operation: Operation
  readonly resolve: (bytes: Bytes) => void
  readonly reject: (error: Error) => void
  /** Was under way when a thread ended: a further end is taken to be its fault. */
  isRepeated: boolean
}

/** Settings of a {@link DecapsulationWorker}. */
export interface DecapsulationWorkerOptions {
  readonly logger: Logger
  /** Source of the thread. Default: that of this module. */
  readonly source?: string
  /** Derives the secrets of requests in the thread too, where that is not what limits the rate. Default true. */
  readonly derives?: boolean
  /** Time for one operation, in milliseconds; a thread that takes longer is replaced. Default 10 000. */
  readonly timeoutMs?: number
}

const DEFAULT_TIMEOUT_MS = 10_000
/** Between an end of the thread and the next start, so that one that cannot start costs little. */
const RESTART_DELAY_MS = 100
const MAX_RESTART_DELAY_MS = 10_000
const RETRY_AFTER_S = 1
/** Operations in progress. The queue before them admits fewer. */
const MAX_PENDING = 1024
/**
 * Most operations of a message, whose replies come together. Each message costs some time; with all operations in
 * one, however, thread and event loop would take turns instead of working at the same time.
 */
const BATCH = 4
/** Several times what the keys and ML-KEM take. */
const MAX_HEAP_MB = 64

/** Added to the nice value of the thread, as to those of libuv: answers are sent while it computes. */
const NICE_INCREMENT = 5

/**
 * Code of the thread: no file of its own, since the program is one file. Keys are promises, so that what follows
 * an import in the queue waits for it. The priority of a thread can be set on Linux only, and by its own id.
 */
export const SOURCE = `
const { readlinkSync } = require('node:fs')
const { constants, getPriority, setPriority } = require('node:os')
const { parentPort, workerData } = require('node:worker_threads')
try {
  const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
  const nice = getPriority(thread) + workerData.niceIncrement
  setPriority(thread, Math.min(nice, constants.priority.PRIORITY_LOW))
} catch {}
process.removeAllListeners('warning')
process.on('warning', () => undefined)
const wire2 = import(workerData.module)
const kem = wire2.then(({ loadHybridKem }) => loadHybridKem())
const keys = new Map()
const operations = {
  import: async ({ key, bytes }) => {
    const imported = kem.then((loaded) => loaded.importKey(bytes)).finally(() => bytes.fill(0))
    keys.set(key, imported)
    return (await imported).publicKey
  },
  decapsulate: async ({ key, bytes }) => (await keys.get(key)).decapsulate(bytes),
  derive: async ({ key, bytes }) => (await wire2).deriveRequestSecrets(await keys.get(key), bytes),
  dispose: async ({ key }) => {
    const disposed = await keys.get(key)
    keys.delete(key)
    disposed.dispose()
    return new Uint8Array()
  },
}
const replyTo = async ({ id, operation }) => {
  try {
    return { id, bytes: await operations[operation.type](operation) }
  } catch {
    return { id }
  }
}
parentPort.on('message', async (messages) => {
  const replies = await Promise.all(messages.map(replyTo))
  parentPort.postMessage(replies)
  for (const [at, { bytes }] of replies.entries()) {
    if (messages[at].operation.type !== 'import') bytes?.fill(0)
  }
})
`

/** Thread that holds request keys and decapsulates with them. A thread that ends is replaced, with its keys. */
export class DecapsulationWorker {
  readonly #options: Required<DecapsulationWorkerOptions>
  /** Seeds of the keys in use, for the next thread. */
  readonly #seeds = new Map<number, Uint8Array>()
  readonly #pending = new Map<number, Pending>()
  /** Operations for the thread, until the end of this turn of the event loop. */
  #outbox: Message[] = []
  #worker: Worker | undefined
  #nextKey = 0
  #nextId = 0
  #restartDelayMs = RESTART_DELAY_MS
  #restart: NodeJS.Timeout | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor({
    logger,
    source = SOURCE,
    derives = true,
    timeoutMs = DEFAULT_TIMEOUT_MS,
  }: DecapsulationWorkerOptions) {
    this.#options = { logger, source, derives, timeoutMs }
  }

  /** Thread that works at present. */
  get threadId(): number | undefined {
    return this.#worker?.threadId
  }

  /**
   * Imports a private key. See `Kem.importKey`.
   *
   * @throws SecurityError `ERR_KEY_INVALID`
   */
  async importKey(seed: Uint8Array): Promise<KemPrivateKey> {
    const key = this.#nextKey++
    const own = new Uint8Array(seed)
    const dispose = (): void => {
      if (!this.#seeds.delete(key)) return
      own.fill(0)
      // A thread that starts later does not get it.
      if (this.#worker !== undefined) {
        void this.#run({ type: 'dispose', key }).catch(() => undefined)
      }
    }
    let publicKey: Bytes
    try {
      publicKey = await this.#run({ type: 'import', key, bytes: own })
    } catch (error) {
      own.fill(0)
      if (error instanceof HttpError) throw error
      throw new SecurityError('ERR_KEY_INVALID', 'Not a key of this KEM.')
    }
    this.#seeds.set(key, own)
    const run = async (type: 'decapsulate' | 'derive', bytes: Uint8Array): Promise<Bytes> => {
      if (!this.#seeds.has(key)) {
        throw new SecurityError('ERR_KEY_DISPOSED', 'The key was disposed of.')
      }
      return this.#run({ type, key, bytes })
    }
    return {
      publicKey,
      decapsulate: (enc) => run('decapsulate', enc),
      deriveSecrets: this.#options.derives ? (head) => run('derive', head) : undefined,
      dispose,
    }
  }

  /** Ends the thread, and forgets all keys. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#restart)
    clearTimeout(this.#timer)
    for (const seed of this.#seeds.values()) seed.fill(0)
    this.#seeds.clear()
    const worker = this.#worker
    this.#worker = undefined
    this.#rejectAll()
    await worker?.terminate()
  }

  #run(operation: Operation): Promise<Bytes> {
    if (this.#isClosed || this.#pending.size >= MAX_PENDING) return Promise.reject(unavailable())
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      this.#pending.set(id, { operation, resolve, reject, isRepeated: false })
      // Otherwise the next thread gets it.
      if (this.#restart === undefined) {
        this.#worker ??= this.#start()
        this.#post(id, operation)
      }
      if (this.#timer === undefined) this.#keepAlive()
    })
  }

  /** Keeps the process alive for as long as a reply is expected, and replaces a thread that makes no progress. */
  #keepAlive(): void {
    if (this.#pending.size === 0) {
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.#worker?.unref()
      return
    }
    if (this.#timer !== undefined) {
      this.#timer.refresh()
      return
    }
    this.#worker?.ref()
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#worker?.terminate()
    }, this.#options.timeoutMs).unref()
  }

  #post(id: number, operation: Operation): void {
    if (this.#outbox.push({ id, operation }) > 1) return
    setImmediate(() => {
      const messages = this.#outbox
      this.#outbox = []
      for (let at = 0; at < messages.length; at += BATCH) {
        this.#worker?.postMessage(messages.slice(at, at + BATCH))
      }
    })
  }

  #start(): Worker {
    const module = pathToFileURL(
      createRequire(import.meta.url).resolve('@nomyo/crypto/wire-2'),
    ).href
    const worker = new Worker(this.#options.source, {
      eval: true,
      name: 'decapsulation',
      workerData: { module, niceIncrement: NICE_INCREMENT },
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    })
    worker.unref()
    worker.on('message', (replies: readonly Reply[]) => {
      this.#restartDelayMs = RESTART_DELAY_MS
      for (const { id, bytes } of replies) {
        const pending = this.#pending.get(id)
        this.#pending.delete(id)
        if (bytes === undefined) pending?.reject(cannotDecapsulate())
        else pending?.resolve(bytes)
      }
      this.#keepAlive()
    })
    // Its cause is in the code of the exit; the message of an error may quote anything.
    worker.on('error', () => undefined)
    worker.on('exit', () => {
      if (this.#worker === worker) this.#replace()
    })
    return worker
  }

  #replace(): void {
    this.#worker = undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#options.logger.warn(
      'wire 2: the decapsulation thread ended unexpectedly; starting another',
    )
    for (const [id, pending] of this.#pending) {
      if (!pending.isRepeated) {
        pending.isRepeated = true
        continue
      }
      this.#pending.delete(id)
      pending.reject(unavailable())
    }
    const delayMs = this.#restartDelayMs
    this.#restartDelayMs = Math.min(2 * delayMs, MAX_RESTART_DELAY_MS)
    this.#restart = setTimeout(() => {
      this.#restart = undefined
      this.#worker = this.#start()
      for (const [key, bytes] of this.#seeds) this.#post(-1, { type: 'import', key, bytes })
      for (const [id, { operation }] of this.#pending) this.#post(id, operation)
      this.#keepAlive()
    }, delayMs)
    if (this.#pending.size === 0) this.#restart.unref()
  }

  #rejectAll(): void {
    for (const { reject } of this.#pending.values()) reject(unavailable())
    this.#pending.clear()
  }
}

const cannotDecapsulate = (): SecurityError =>
  new SecurityError('ERR_DECRYPTION_FAILED', 'The message could not be opened.')

const unavailable = (): HttpError =>
  new HttpError(503, 'This gateway is busy', RETRY_AFTER_S, 'busy')
